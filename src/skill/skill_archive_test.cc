#include "skill/skill_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "skill/paths.h"
#include "skill/targets.h"

namespace clawtrace::skill {
namespace {

SkillDir Demo() {
  SkillDir skill{"demo",
                 {{"SKILL.md", "---\nname: demo\ndescription: x\n---\n\n# Demo\n"},
                  {"references/\xC3\xA4.md", "text\n"},
                  {"scripts/run.sh", "#!/bin/sh\n"},
                  {".clawtrace/provenance.json", "{}"}},
                 {"scripts/run.sh"}};
  return skill;
}

struct Entry {
  std::string path, bytes;
  unsigned type = AE_IFREG;
};

// As others write archives: by libarchive, compressed.
std::string Zip(const std::vector<Entry>& entries) {
  std::string out(size_t{32} << 20, '\0');
  size_t used = 0;
  archive* writer = ::archive_write_new();
  ::archive_write_set_format_zip(writer);
  EXPECT_EQ(::archive_write_open_memory(writer, out.data(), out.size(), &used), ARCHIVE_OK);
  for (const Entry& each : entries) {
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, each.path.c_str());
    ::archive_entry_set_filetype(entry, each.type);
    ::archive_entry_set_perm(entry, 0644);
    if (each.type == AE_IFLNK)
      ::archive_entry_set_symlink(entry, each.bytes.c_str());
    else
      ::archive_entry_set_size(entry, static_cast<la_int64_t>(each.bytes.size()));
    EXPECT_EQ(::archive_write_header(writer, entry), ARCHIVE_OK);
    if (each.type == AE_IFREG) ::archive_write_data(writer, each.bytes.data(), each.bytes.size());
    ::archive_entry_free(entry);
  }
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  out.resize(used);
  return out;
}

Result<SkillDir> Read(const std::vector<Entry>& entries) {
  return ReadSkillArchive(Zip(entries), "given", Records::kStrip);
}

TEST(SkillArchiveTest, ComesBackAsItWent) {
  auto bytes = WriteSkillArchive(Demo(), Records::kKeep);
  ASSERT_TRUE(bytes);
  auto back = ReadSkillArchive(*bytes, "x", Records::kKeep);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->name, "demo");
  EXPECT_EQ(back->files, Demo().files);
  EXPECT_EQ(back->executable, Demo().executable);
  EXPECT_EQ(*WriteSkillArchive(*back, Records::kKeep), *bytes);
  auto stripped = ReadSkillArchive(*WriteSkillArchive(Demo(), Records::kStrip), "x", Records::kKeep);
  EXPECT_EQ(stripped->files.size(), 3u);
  EXPECT_EQ(ReadSkillArchive(*bytes, "x", Records::kStrip)->files.size(), 3u);
}

TEST(SkillArchiveTest, BytesNeverChange) {
  SkillDir skill{"a", {{"SKILL.md", "x"}}, {}};
  std::string bytes = *WriteSkillArchive(skill, Records::kStrip);
  EXPECT_EQ(bytes.size(), 30u + 10 + 1 + 46 + 10 + 22);
  // Signature, version 2.0, names in UTF-8, stored, 1980-01-01, then the CRC-32 of "x".
  EXPECT_EQ(bytes.substr(0, 18),
            std::string("PK\x03\x04\x14\x00\x00\x08\x00\x00\x00\x00\x21\x00\x83\x16\xDC\x8C", 18));
}

TEST(SkillArchiveTest, ArchivesOfOthers) {
  auto skill = Read({{"my-skill/", "", AE_IFDIR},
                     {"my-skill/SKILL.md", "text"},
                     {"my-skill/a/b.md", "x"},
                     {"__MACOSX/x", "y"},
                     {"my-skill/.git/config", "z"},
                     {"other/readme", "w"}});
  ASSERT_TRUE(skill) << skill.error().message;
  EXPECT_EQ(skill->name, "my-skill");
  EXPECT_EQ(skill->files.size(), 2u);
  auto flat = Read({{"SKILL.md", "---\nname: flat\n---\n"}});
  EXPECT_EQ(flat->name, "flat");
  EXPECT_EQ(Read({{"SKILL.md", "---\nname: ../x\n---\n"}})->name, "given");
}

TEST(SkillArchiveTest, WhatIsRefused) {
  for (const std::vector<Entry>& entries :
       std::vector<std::vector<Entry>>{{{"SKILL.md", "x"}, {"../out", "x"}},
                                       {{"SKILL.md", "x"}, {"/etc/passwd", "x"}},
                                       {{"SKILL.md", "x"}, {"a/../../b", "x"}},
                                       {{"SKILL.md", "x"}, {"link", "/etc/passwd", AE_IFLNK}},
                                       {{"SKILL.md", "x"}, {"SKILL.md", "y"}},
                                       {{"a/SKILL.md", "x"}, {"b/SKILL.md", "y"}},
                                       {{"..x y/SKILL.md", "x"}},
                                       {{"SKILL.md", "x"}, {"big", std::string(kMaxFileBytes + 1, 'x')}},
                                       {{"readme.md", "x"}},
                                       {}})
    EXPECT_FALSE(Read(entries)) << (entries.empty() ? "" : entries.back().path);
  EXPECT_EQ(ReadSkillArchive("no archive", "x", Records::kStrip).error().code, ErrorCode::kCorruptData);
}

TEST(SkillArchiveTest, DamagedBytesAreNoCrash) {
  std::string bytes = *WriteSkillArchive(Demo(), Records::kKeep);
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    damaged.resize(random() % 3 == 0 ? random() % damaged.size() : damaged.size());
    auto read = ReadSkillArchive(damaged, "x", Records::kKeep);
    if (!read) continue;
    for (const auto& [path, text] : read->files) EXPECT_TRUE(IsConfinedPath(path));
  }
}

TEST(SkillTargetsTest, FoldersOfClients) {
  EXPECT_EQ(*TargetPath("claude", TargetScope::kProject, "/p", "demo"), "/p/.claude/skills/demo");
  EXPECT_EQ(*TargetPath("agents", TargetScope::kHome, "/h", "demo"), "/h/.agents/skills/demo");
  EXPECT_EQ(*TargetPath("openclaw", TargetScope::kHome, "/h", "demo"), "/h/.openclaw/skills/demo");
  EXPECT_EQ(*TargetPath("openclaw", TargetScope::kProject, "/p", "demo"), "/p/skills/demo");
  EXPECT_FALSE(TargetPath("codex", TargetScope::kHome, "/h", "demo"));
  EXPECT_FALSE(TargetPath("agents", TargetScope::kHome, "/h", "../demo"));
}

}  // namespace
}  // namespace clawtrace::skill
