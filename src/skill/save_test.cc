#include "skill/save.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "skill/skill.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// Modes say nothing to root: for a while the process is somebody else.
class AsNobody {
 public:
  static constexpr uid_t kNobody = 65534;
  AsNobody() : was_root_(::geteuid() == 0) { Become(kNobody); }
  ~AsNobody() { Become(0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

  // Makes everything below folder belong to who this is.
  void Give(const fs::path& folder) const {
    if (!was_root_) return;
    Become(0);
    EXPECT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      EXPECT_EQ(::lchown(entry.path().c_str(), kNobody, kNobody), 0);
    Become(kNobody);
  }

 private:
  void Become(uid_t user) const {
    if (!was_root_) return;
    EXPECT_EQ(::seteuid(user), 0);
  }
  bool was_root_;
};

mode_t ModeOf(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

TEST(SaveTest, FoldersWithoutTheRightToWriteAreReplacedAndStayAsTheyWere) {
  test::TempFolder folder;
  folder.Write("demo/SKILL.md", "old\n");
  folder.Write("demo/references/a.md", "a\n");
  AsNobody nobody;
  nobody.Give(folder.path());
  fs::path demo = folder / "demo";
  for (mode_t mode : {0755u, 0555u}) {  // of the skill's folder; the one below it cannot be written to at all
    ASSERT_EQ(::chmod((demo / "references").c_str(), 0555), 0);
    ASSERT_EQ(::chmod(demo.c_str(), mode), 0);
    ASSERT_EQ(::chmod((demo / "SKILL.md").c_str(), 0444), 0);
    for (const char* text : {"first\n", "second\n"}) {
      Status saved = SaveSkill({"demo", {{"SKILL.md", text}}}, demo.string());
      ASSERT_TRUE(saved) << saved.error().message;
      EXPECT_EQ(*ReadFile(demo / "SKILL.md"), text);
      EXPECT_THAT(NamesIn(folder.path()), ElementsAre("demo"));
      EXPECT_EQ(ModeOf(demo), mode);
      EXPECT_EQ(ModeOf(demo / "references"), 0555u);
      EXPECT_EQ(ModeOf(demo / "SKILL.md"), 0444u);
    }
  }
  ::chmod((demo / "references").c_str(), 0755), ::chmod(demo.c_str(), 0755);
}

TEST(SaveTest, WhatAKilledSaveLeftIsTakenAwayAndLinksInItAreNotFollowed) {
  test::TempFolder folder;
  folder.Write("demo/SKILL.md", "old\n");
  folder.Write("other/x", "x\n");
  for (const char* rest : {".demo.clawtrace-new", ".demo.clawtrace-old"}) {
    folder.Write(std::string(rest) + "/references/a.md", "a\n");
    fs::create_directory_symlink(folder / "other", folder / rest / "references/link");
  }
  AsNobody nobody;
  nobody.Give(folder.path());
  ASSERT_EQ(::chmod((folder / "other").c_str(), 0555), 0);
  for (const char* rest : {".demo.clawtrace-new", ".demo.clawtrace-old"}) {
    ASSERT_EQ(::chmod((folder / rest / "references").c_str(), 0555), 0);
    ASSERT_EQ(::chmod((folder / rest).c_str(), 0555), 0);
  }
  Status saved = SaveSkill({"demo", {{"SKILL.md", "new\n"}}}, (folder / "demo").string());
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_THAT(NamesIn(folder.path()), testing::UnorderedElementsAre("demo", "other"));
  EXPECT_EQ(ModeOf(folder / "other"), 0555u);
  EXPECT_EQ(*ReadFile(folder / "other/x"), "x\n");
}

TEST(SaveTest, AFolderOfAnotherUserIsNotReplacedHalf) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make one";
  test::TempFolder folder;
  folder.Write("demo/SKILL.md", "old\n");
  folder.Write("demo/references/a.md", "a\n");
  ASSERT_EQ(::chown(folder.path().c_str(), AsNobody::kNobody, AsNobody::kNobody), 0);
  ASSERT_EQ(::chown((folder / "demo").c_str(), AsNobody::kNobody, AsNobody::kNobody), 0);
  AsNobody nobody;
  Status saved = SaveSkill({"demo", {{"SKILL.md", "new\n"}}}, (folder / "demo").string());
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().message, HasSubstr("references: it belongs to another user"));
  EXPECT_EQ(*ReadFile(folder / "demo/SKILL.md"), "old\n");
  EXPECT_THAT(NamesIn(folder.path()), ElementsAre("demo"));
}

}  // namespace
}  // namespace clawtrace
