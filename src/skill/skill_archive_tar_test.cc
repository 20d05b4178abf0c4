// Archives as tar.gz, beside ZIP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "skill/paths.h"
#include "skill/skill_archive.h"

namespace clawtrace::skill {
namespace {

std::string Deep(size_t folder, size_t name) {
  return std::string(folder, 'd') + "/" + std::string(name, 'n');
}

SkillDir Demo() {
  return {"demo",
          {{"SKILL.md", "---\nname: demo\ndescription: x\n---\n\n# Demo\n"},
           {"references/\xC3\xA4.md", std::string(200'000, 'x')},
           {"references/empty.md", ""},
           {Deep(90, 90), "far\n"},
           {"scripts/run.sh", "#!/bin/sh\n"},
           {".clawtrace/provenance.json", "{}"}},
          {"scripts/run.sh"}};
}

Result<std::string> Tar(const SkillDir& skill, Records records) {
  return WriteSkillArchive(skill, records, ArchiveFormat::kTarGz);
}

TEST(SkillTarTest, ComesBackAsItWent) {
  auto bytes = Tar(Demo(), Records::kKeep);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_TRUE(LooksLikeArchive(*bytes));
  auto back = ReadSkillArchive(*bytes, "x", Records::kKeep);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->name, "demo");
  EXPECT_EQ(back->files, Demo().files);
  EXPECT_EQ(back->executable, Demo().executable);
  EXPECT_EQ(*Tar(*back, Records::kKeep), *bytes);
  auto claims = ReadSkillArchive(*bytes, "x", Records::kStrip);
  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_FALSE(claims->files.contains(".clawtrace/provenance.json"));
  EXPECT_EQ(*Tar(Demo(), Records::kStrip), *Tar(*claims, Records::kStrip));
}

TEST(SkillTarTest, BytesNeverChange) {
  auto bytes = Tar({"a", {{"SKILL.md", "x"}}, {}}, Records::kStrip);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 10u + 5 + 4 * 512 + 8);
  EXPECT_EQ(bytes->substr(15, 10), std::string("a/SKILL.md"));
  EXPECT_EQ(Sha256Hex(*bytes), "18117c3d81281d153aa3d4eb96cde9fe05fc83d20f07bf1cda455d99dbbe53d9");
}

TEST(SkillTarTest, APathThatATarCannotHoldIsTold) {
  auto bytes = Tar({"a", {{"SKILL.md", "x"}, {Deep(10, 101), "x"}}, {}}, Records::kStrip);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kLimit);
  EXPECT_FALSE(Tar({"a", {{"SKILL.md", "x"}, {Deep(160, 100), "x"}}, {}}, Records::kStrip));
  EXPECT_TRUE(Tar({"a", {{"SKILL.md", "x"}, {Deep(10, 100), "x"}}, {}}, Records::kStrip));
}

TEST(SkillTarTest, LimitsHold) {
  SkillDir large{"a", {{"SKILL.md", "x"}, {"large", std::string(kMaxFileBytes + 1, '\0')}}, {}};
  auto bytes = Tar(large, Records::kStrip);
  ASSERT_TRUE(bytes);
  EXPECT_FALSE(ReadSkillArchive(*bytes, "x", Records::kStrip));
  SkillDir records{"a", {{"SKILL.md", "x"}}, {}};
  for (char c = 'a'; c < 'j'; ++c)
    records.files[std::string("z/.clawtrace/") + c] = std::string(kMaxFileBytes - 1, '\0');
  auto skipped = Tar(records, Records::kKeep);
  ASSERT_TRUE(skipped);
  auto read = ReadSkillArchive(*skipped, "x", Records::kStrip);
  ASSERT_FALSE(read) << "what is left out is unpacked too";
  EXPECT_THAT(read.error().message, testing::HasSubstr("all are above"));
}

TEST(SkillTarTest, DamagedBytesAreNoCrash) {
  auto bytes = Tar(Demo(), Records::kStrip);
  ASSERT_TRUE(bytes);
  for (size_t cut = 0; cut < 4000; cut += 97)
    EXPECT_FALSE(ReadSkillArchive(bytes->substr(0, cut), "x", Records::kStrip)) << cut;
}

}  // namespace
}  // namespace clawtrace::skill
