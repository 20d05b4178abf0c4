#include "cli/index.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/temp_folder_test_util.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;
using compile::Depth;

class IndexTest : public testing::Test {
 protected:
  // A unit of one log, last changed that many seconds ago.
  capture::Unit Log(const std::string& name, const std::string& content, int age) {
    std::string path = folder_ / name;
    std::ofstream(path) << content;
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(age));
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    capture::InputFile file{path, capture::FindImporter("codex"), content.size(), false, {}};
    file.stamp = {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size),
                  int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
    return {file.importer, {file}, file.bytes};
  }
  std::string cache() const { return folder_ / "cache"; }
  void Write(const capture::Unit& unit, const std::string& summary, const std::string& program = "p") {
    Index index(cache(), program);
    index.Learn(unit.files[0].path, unit.files[0].stamp, {unit.importer, "k"});
    index.Remember(unit, "book", Depth::kFull, summary);
    index.Save();
  }

  test::TempFolder folder_;
};

TEST_F(IndexTest, RemembersUnchangedFiles) {
  auto unit = Log("a", "one", 60);
  Write(unit, "summary");
  Index index(cache(), "p");
  auto known = index.Find(unit.files[0].path, unit.files[0].stamp);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->importer, unit.importer);
  EXPECT_EQ(known->unit_key, "k");
  EXPECT_EQ(index.Summary(unit, "book", Depth::kFull), "summary");
  EXPECT_EQ(index.Summary(unit, "other book", Depth::kFull), std::nullopt);
  EXPECT_EQ(index.Summary(unit, "book", Depth::kTotals), std::nullopt);
  struct stat info{};
  ASSERT_EQ(::stat(cache().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u);
}

TEST_F(IndexTest, AChangedFileIsReadAnew) {
  auto unit = Log("a", "one", 60);
  Write(unit, "summary");
  auto grown = Log("a", "one two", 60);
  Index index(cache(), "p");
  EXPECT_FALSE(index.Find(grown.files[0].path, grown.files[0].stamp));
  EXPECT_EQ(index.Summary(grown, "book", Depth::kFull), std::nullopt);
}

TEST_F(IndexTest, ADescribingFileCounts) {
  auto unit = Log("agent-x.jsonl", "one", 60);
  unit.importer = unit.files[0].importer = capture::FindImporter("claude-code");
  Write(unit, "summary");
  EXPECT_EQ(Index(cache(), "p").Summary(unit, "book", Depth::kFull), "summary");
  std::ofstream(folder_ / "agent-x.meta.json") << "{}";
  EXPECT_EQ(Index(cache(), "p").Summary(unit, "book", Depth::kFull), std::nullopt);
}

TEST_F(IndexTest, AFileThatMayStillChangeUnseenIsNotRemembered) {
  auto unit = Log("a", "one", 0);
  Write(unit, "summary");
  Index index(cache(), "p");
  EXPECT_FALSE(index.Find(unit.files[0].path, unit.files[0].stamp));
  EXPECT_EQ(index.Summary(unit, "book", Depth::kFull), std::nullopt);
}

TEST_F(IndexTest, AnotherProgramForgets) {
  auto unit = Log("a", "one", 60);
  Write(unit, "summary");
  EXPECT_EQ(Index(cache(), "newer").Summary(unit, "book", Depth::kFull), std::nullopt);
}

TEST_F(IndexTest, ADamagedIndexIsNoIndex) {
  auto unit = Log("a", "one", 60);
  Write(unit, "summary");
  std::string bytes = *ReadFile(cache() + "/index");
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    std::ofstream(cache() + "/index") << bad;
    EXPECT_EQ(Index(cache(), "p").Summary(unit, "book", Depth::kFull), std::nullopt) << at;
    std::ofstream(cache() + "/index") << bytes.substr(0, at);
    EXPECT_EQ(Index(cache(), "p").Summary(unit, "book", Depth::kFull), std::nullopt) << at;
  }
}

TEST_F(IndexTest, FilesThatAreGoneAreDropped) {
  auto gone = Log("gone", "one", 60), stays = Log("stays", "two", 60);
  Write(gone, "summary");
  fs::remove(gone.files[0].path);
  Write(stays, "other");
  Index index(cache(), "p");
  EXPECT_EQ(index.Summary(gone, "book", Depth::kFull), std::nullopt);
  EXPECT_EQ(index.Summary(stays, "book", Depth::kFull), "other");
}

TEST_F(IndexTest, WithoutAFolderNothingIsKept) {
  auto unit = Log("a", "one", 60);
  Index index("", "p");
  index.Remember(unit, "book", Depth::kFull, "summary");
  index.Save();
  EXPECT_EQ(index.Summary(unit, "book", Depth::kFull), std::nullopt);
  EXPECT_FALSE(fs::exists(cache()));
}

}  // namespace
}  // namespace clawtrace::cli
