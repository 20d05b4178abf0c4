#include "replay/workspace.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/temp_folder_test_util.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr size_t kBlock = 512;

struct Entry {
  std::string name;
  std::string content;
  char type = '0';  // file, '1' hard link, '2' link, '3' device, '5' folder, '6' pipe
  std::string target;
  int mode = 0644;
};

// One entry of a ustar archive.
std::string TarOf(const Entry& entry, int64_t size) {
  std::string header(kBlock, '\0');
  auto put = [&](size_t at, std::string_view text) { std::memcpy(&header[at], text.data(), text.size()); };
  put(0, std::string_view(entry.name).substr(0, 100));
  put(100, fmt::format("{:07o}", entry.mode)), put(108, "0000000"), put(116, "0000000");
  put(124, fmt::format("{:011o}", size)), put(136, fmt::format("{:011o}", 1'700'000'000));
  put(148, "        "), header[156] = entry.type;
  put(157, std::string_view(entry.target).substr(0, 100)), put(257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum)), header[154] = '\0';
  std::string padded = entry.content;
  padded.resize((padded.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return header + padded;
}

std::string Tar(const std::vector<Entry>& entries) {
  std::string tar;
  for (const Entry& entry : entries) tar += TarOf(entry, static_cast<int64_t>(entry.content.size()));
  return tar + std::string(2 * kBlock, '\0');
}

class WorkspaceTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(Path("scratch")); }
  std::string Path(std::string_view name) const { return folder_ / name; }
  void Write(std::string_view name, std::string_view text) const {
    ASSERT_TRUE(WriteFileAtomically(Path(name), text));
  }
  Result<StartWorkspace> Open(const std::string& spec, const ArchiveLimits& limits = {}) const {
    return OpenWorkspace(spec, Path("scratch"), limits);
  }
  Result<StartWorkspace> OpenTar(const std::vector<Entry>& entries, const ArchiveLimits& limits = {}) const {
    Write("a.tar", Tar(entries));
    return Open(Path("a.tar"), limits);
  }
  void Shell(const std::string& command) const {
    ASSERT_EQ(std::system(("cd " + folder_.path().string() + " && " + command).c_str()), 0) << command;
  }

 private:
  test::TempFolder folder_;
};

std::map<std::string, std::string> Reasons(const StartWorkspace& workspace) {
  std::map<std::string, std::string> reasons;
  for (const LeftOut& left : workspace.unpacked.left_out) reasons.emplace(left.path, left.reason);
  return reasons;
}

std::string Content(const StartWorkspace& workspace, const std::string& name) {
  auto text = ReadFile(workspace.folder + "/" + name);
  return text ? *text : "<" + text.error().message + ">";
}

TEST_F(WorkspaceTest, FolderIsUsedInPlace) {
  Write("w/a.txt", "a");
  auto opened = Open(Path("w"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->folder, Path("w"));
  EXPECT_TRUE(fs::is_empty(Path("scratch")));
  EXPECT_EQ(Open(Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Open(Path("w") + "@main").error().code, ErrorCode::kNotFound);
}

TEST_F(WorkspaceTest, ArchiveIsUnpackedAndGoes) {
  {
    auto opened = OpenTar({{"./", "", '5', "", 0555},
                           {"./sub/", "", '5', "", 0},
                           {"./sub/run.sh", "#!/bin/sh\n", '0', "", 06755},
                           {"sub/b", "first"},
                           {"sub/b", "second"},
                           {"link", "", '2', "sub/b"},
                           {"sub/up", "", '2', "../sub/run.sh"},
                           {"hard", "", '1', "sub/b"}});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_THAT(opened->unpacked.left_out, IsEmpty());
    EXPECT_EQ(Content(*opened, "sub/b"), "second");
    EXPECT_EQ(Content(*opened, "link"), "second");
    EXPECT_EQ(Content(*opened, "hard"), "second");
    EXPECT_EQ(fs::read_symlink(opened->folder + "/sub/up"), "../sub/run.sh");
    struct stat info{};
    ASSERT_EQ(::stat((opened->folder + "/sub/run.sh").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0755u);
    EXPECT_EQ(info.st_mtime, 1'700'000'000);
    ASSERT_EQ(::stat((opened->folder + "/hard").c_str(), &info), 0);
    EXPECT_EQ(info.st_nlink, 1u) << "two names of one file would change together";
  }
  EXPECT_TRUE(fs::is_empty(Path("scratch")));
}

TEST_F(WorkspaceTest, Compressed) {
  Write("src/a.txt", "hello");
  Write("src/\xC3\xBC.txt", "umlaut");
  for (std::string with : {"--gzip", "--xz", "--zstd", "--bzip2"}) {
    Shell("rm -f c.tar && tar --format=pax " + with + " -cf c.tar -C src .");
    auto opened = Open(Path("c.tar"));
    ASSERT_TRUE(opened) << with << ": " << opened.error().message;
    EXPECT_EQ(Content(*opened, "a.txt"), "hello") << with;
    EXPECT_EQ(Content(*opened, "\xC3\xBC.txt"), "umlaut") << with;
  }
}

TEST_F(WorkspaceTest, NothingLeavesTheFolder) {
  Write("outside", "mine");
  auto opened = OpenTar({{"ok", "ok"},
                         {Path("outside").substr(0, 99), "theirs"},
                         {"/etc/absolute", "theirs"},
                         {"../../outside", "theirs"},
                         {"a/../../outside2", "theirs"},
                         {"out", "", '2', "/etc"},
                         {"out/passwd", "theirs"},
                         {"up", "", '2', "../../outside"},
                         {"hard", "", '1', "../../outside"},
                         {"hard2", "", '1', "/etc/passwd"},
                         {"hard3", "", '1', "not-there"},
                         {"device", "", '3'},
                         {"pipe", "", '6'}});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_THAT(Reasons(*opened),
              UnorderedElementsAre(
                  Pair(Path("outside").substr(0, 99), "absolute-path"),
                  Pair("/etc/absolute", "absolute-path"), Pair("../../outside", "parent-folder"),
                  Pair("a/../../outside2", "parent-folder"), Pair("out", "link-outside"),
                  Pair("up", "link-outside"), Pair("hard", "link-outside"), Pair("hard2", "link-outside"),
                  Pair("hard3", "in-the-way"), Pair("device", "special-file"), Pair("pipe", "special-file")));
  EXPECT_EQ(*ReadFile(Path("outside")), "mine");
  EXPECT_EQ(Content(*opened, "out/passwd"), "theirs") << "a file of the archive where the link was not made";
}

TEST_F(WorkspaceTest, LinksThatLeaveOnlyTogether) {
  // By their letters all lead inside: here/l is the folder itself, so that here/l/.. is outside.
  auto opened = OpenTar({{"a/b/file", "x"},
                         {"a/b/l", "", '2', "../.."},
                         {"a/b/m", "", '2', "l/.."},
                         {"a/b/n", "", '2', "l/../nothing-there"},
                         {"a/q", "", '2', "b/m"},
                         {"loop", "", '2', "loop"},
                         {"a/r", "", '2', "b/file"},
                         {"a/r/through", "theirs"}});
  ASSERT_TRUE(opened) << opened.error().message;
  auto reasons = Reasons(*opened);
  EXPECT_EQ(reasons["a/b/m"], "link-outside");
  EXPECT_EQ(reasons["a/b/n"], "link-outside");
  EXPECT_EQ(reasons["a/r"], "in-the-way");
  EXPECT_FALSE(fs::exists(fs::symlink_status(opened->folder + "/a/b/m")));
  EXPECT_TRUE(fs::is_symlink(opened->folder + "/a/b/l"));
  EXPECT_EQ(Content(*opened, "a/b/file"), "x");
}

TEST_F(WorkspaceTest, LimitsHold) {
  EXPECT_EQ(
      OpenTar({{"a", std::string(600, 'x')}, {"b", std::string(600, 'x')}}, {.bytes = 1000}).error().code,
      ErrorCode::kLimit);
  EXPECT_EQ(OpenTar({{"a", ""}, {"b", ""}, {"c", ""}}, {.entries = 2}).error().code, ErrorCode::kLimit);
  {
    auto deep = OpenTar({{"a/b/c/d", "x"}, {"a/b", "y"}}, {.depth = 1});
    ASSERT_TRUE(deep);
    EXPECT_THAT(Reasons(*deep), UnorderedElementsAre(Pair("a/b/c/d", "too-deep")));
  }
  std::vector<Entry> links(5, {"hard", "", '1', "big"});
  links.insert(links.begin(), {"big", std::string(600, 'x')});
  for (size_t i = 1; i < links.size(); ++i) links[i].name += std::to_string(i);
  EXPECT_EQ(OpenTar(links, {.bytes = 2000}).error().code, ErrorCode::kLimit);
  // A header that promises more than all limits, with nothing behind it.
  Write("huge.tar", TarOf({"huge", ""}, int64_t{1} << 32));
  EXPECT_EQ(Open(Path("huge.tar"), {.bytes = 1 << 20}).error().code, ErrorCode::kLimit);
  // 64 MB of zeros in 70 kB.
  Shell("head -c 64M /dev/zero > zeros && tar --gzip -cf bomb.tgz zeros && rm zeros");
  EXPECT_EQ(Open(Path("bomb.tgz"), {.bytes = 1 << 20}).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(fs::is_empty(Path("scratch")));
}

TEST_F(WorkspaceTest, BrokenArchives) {
  Write("text.tar", "this is no archive, whatever its name says\n");
  EXPECT_EQ(Open(Path("text.tar")).error().code, ErrorCode::kCorruptData);
  std::string whole = Tar({{"a", std::string(5000, 'x')}, {"b", "y"}});
  for (size_t cut = 100; cut < 5500; cut += 700) {
    Write("cut.tar", std::string_view(whole).substr(0, cut));
    EXPECT_FALSE(Open(Path("cut.tar"))) << cut;
  }
  for (size_t at = 0; at < 1024; at += 7) {
    std::string turned = whole;
    turned[at] = static_cast<char>(turned[at] ^ 0x55);
    Write("turned.tar", turned);
    (void)Open(Path("turned.tar"));  // whatever comes of it, nothing breaks
  }
  EXPECT_TRUE(fs::is_empty(Path("scratch")));
}

class GitWorkspaceTest : public WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    Write("repo/a.txt", "one\n");
    Write("repo/.gitattributes", "*.txt filter=evil export-subst\nsecret export-ignore\n");
    Write("repo/secret", "kept $Format:%H$\n");
    Write("repo/sub/b.txt", "two\r\n");
    Git("init -q -b main");
    Git("add -A"), Git("commit -q -m first"), Git("tag v1");
    Write("repo/a.txt", "changed\n");
    Git("commit -q -a -m second");
  }
  void Git(const std::string& arguments) const {
    Shell(
        "cd repo && GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent git -c user.name=x -c user.email=x@example.org " +
        arguments);
  }
};

TEST_F(GitWorkspaceTest, CommitAsItIsStored) {
  for (std::string spec : {"@v1", "@main~1", "@HEAD^"}) {
    auto opened = Open(Path("repo") + spec);
    ASSERT_TRUE(opened) << spec << ": " << opened.error().message;
    EXPECT_EQ(Content(*opened, "a.txt"), "one\n") << spec;
    EXPECT_EQ(Content(*opened, "sub/b.txt"), "two\r\n");
    EXPECT_EQ(Content(*opened, "secret"), "kept $Format:%H$\n");
    EXPECT_FALSE(fs::exists(opened->folder + "/.git"));
    EXPECT_THAT(opened->origin, HasSubstr("commit "));
  }
  auto now = Open("git:" + Path("repo") + "@main");
  ASSERT_TRUE(now);
  EXPECT_EQ(Content(*now, "a.txt"), "changed\n");
}

TEST_F(GitWorkspaceTest, NothingOfTheRepositoryIsExecuted) {
  std::string evil = "touch " + Path("pwned");
  Git("config filter.evil.smudge '" + evil + "; cat'");
  Git("config filter.evil.required true");
  Git("config core.fsmonitor '" + evil + "'");
  Git("config core.pager '" + evil + "'");
  Git("config core.sshCommand '" + evil + "'");
  Git("config tar.tar.command '" + evil + "'");
  Git("config alias.archive '!" + evil + "'");
  Git("config remote.origin.url 'ext::sh -c \"" + evil + "\"'");
  Git("config protocol.ext.allow always");
  Git("config extensions.partialClone origin");
  Git("config remote.origin.promisor true");
  auto opened = Open(Path("repo") + "@v1");
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(Content(*opened, "a.txt"), "one\n");
  // What is missing would be fetched from the remote.
  EXPECT_EQ(Open(Path("repo") + "@0123456789012345678901234567890123456789").error().code,
            ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(Path("pwned")));
}

TEST_F(GitWorkspaceTest, OtherShapesOfRepositories) {
  Git("worktree add -q ../tree v1");
  auto tree = Open(Path("tree") + "@HEAD");
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(Content(*tree, "a.txt"), "one\n");
  Git("gc -q"), Git("pack-refs --all");
  Shell("git clone -q --bare repo bare.git 2>/dev/null");
  auto bare = Open(Path("bare.git") + "@v1");
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(Content(*bare, "a.txt"), "one\n");
  EXPECT_TRUE(Open(Path("repo") + "@main"));
  EXPECT_EQ(Open(Path("repo") + "@--output=x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Open(Path("repo") + "@nothing").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace clawtrace::replay
