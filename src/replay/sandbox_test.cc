// Getting out of the sandbox: each attempt is contained, told, and leaves nothing behind.
#include "replay/sandbox.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <thread>

#include "replay/sandbox/deny_calls.h"
#include "replay/sandbox/open_file.h"
#include "replay/sandbox/processes.h"
#include "replay/workplace_test_util.h"

namespace clawtrace::replay {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<pid_t> Pids() {
  std::vector<pid_t> pids;
  for (const Process& process : Descendants()) pids.push_back(process.pid);
  return pids;
}

bool AnyAlive(const std::vector<pid_t>& pids) {
  return std::ranges::any_of(pids, [](pid_t pid) { return ::kill(pid, 0) == 0; });
}

// They are ended by the kernel, which takes its time.
bool AllGoSoon(const std::vector<pid_t>& pids) {
  for (int round = 0; round < 500 && AnyAlive(pids); ++round) std::this_thread::sleep_for(milliseconds(20));
  return !AnyAlive(pids);
}

std::string MountsHere() {
  std::stringstream text;
  text << std::ifstream("/proc/self/mountinfo").rdbuf();
  return text.str();
}

class Escape : public ::testing::Test {
 protected:
  void SetUp() override {
    CT_NEEDS_SANDBOX();
    mounts_ = MountsHere();
    workspace_.Write("a.txt", "alpha\n");
    options_.workspace = workspace_.path();
    options_.at = "/tmp/demo";
    options_.mounts = {{.from = CLAWTRACE_ATTACKER, .at = "/attacker"}};
    options_.limits.wall_ms = 20'000;
  }

  // Whatever was tried: afterwards there is no process, no mount, no change.
  void TearDown() override {
    if (IsSkipped()) return;
    std::vector<pid_t> pids = Pids();
    sandbox_.reset();
    EXPECT_FALSE(AnyAlive(pids));
    EXPECT_THAT(Pids(), IsEmpty());
    EXPECT_EQ(MountsHere(), mounts_);
    EXPECT_EQ(workspace_.Read("a.txt"), "alpha\n");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(workspace_.path()), {}), 1);
    EXPECT_FALSE(std::filesystem::exists("/tmp/demo"));
  }

  CommandResult Run(const Command& command) {
    if (!sandbox_) {
      auto opened = OpenSandbox(options_, TestHost());
      if (!opened) {
        std::fprintf(stderr, "%s\n", opened.error().message.c_str());
        std::abort();
      }
      sandbox_ = std::move(*opened);
    }
    auto result = sandbox_->Run(command);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult();
  }
  CommandResult Run(const std::string& text) { return Run(Shell(text)); }

  // The sandbox is of use after all that.
  void ExpectWorking() { EXPECT_EQ(Run("cat a.txt").output, "alpha\n"); }
  // The kernel counts processes for a moment after they are gone; the shell then says that it tries again,
  // and does.
  void ExpectWorkingAfterBomb() { EXPECT_THAT(Run("cat a.txt").output, testing::EndsWith("alpha\n")); }

  test::TempFolder workspace_;
  WorkplaceOptions options_;
  std::unique_ptr<Workplace> sandbox_;
  std::string mounts_;
};

struct Listening {
  OpenFile socket;
  bool Asked() const {
    pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) > 0;
  }
};

TEST_F(Escape, NetworkHoldsNobody) {
  Listening here{OpenFile(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(here.socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(here.socket.get(), 5), 0);
  ASSERT_EQ(::getsockname(here.socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::string port = std::to_string(ntohs(address.sin_port));
  CommandResult result = Run("exec 3<>/dev/tcp/127.0.0.1/" + port);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("Connection refused"));
  EXPECT_FALSE(here.Asked());
  EXPECT_THAT(Run("exec 3<>/dev/tcp/192.0.2.1/80").output, HasSubstr("Network is unreachable"));
  EXPECT_THAT(Run("echo x >/dev/udp/192.0.2.1/53").output, HasSubstr("Network is unreachable"));
  EXPECT_EQ(Run("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '").output, "lo\n");
}

TEST_F(Escape, SocketsOutsideAreNotReached) {
  Listening abstract{OpenFile(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  std::string name = "clawtrace-test-" + std::to_string(::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(abstract.socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(abstract.socket.get(), 5), 0);
  EXPECT_EQ(Run("/attacker connect-abstract " + name).output, "refused: Connection refused\n");
  EXPECT_FALSE(abstract.Asked());
  sandbox_.reset();

  // A socket that stands in the workspace is seen and leads nowhere.
  test::TempFolder with_socket;
  Listening file{OpenFile(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strcpy(path.sun_path, (with_socket / "s").c_str());
  ASSERT_EQ(::bind(file.socket.get(), reinterpret_cast<sockaddr*>(&path), sizeof(path)), 0);
  ASSERT_EQ(::listen(file.socket.get(), 5), 0);
  options_.workspace = with_socket.path();
  EXPECT_THAT(Run("/attacker connect-path /tmp/demo/s").output, StartsWith("refused: "));
  EXPECT_FALSE(file.Asked());
}

TEST_F(Escape, NothingOutsideIsWritten) {
  for (const char* place :
       {"/etc/x", "/etc/passwd", "/usr/x", "/usr/bin/x", "/x", "/root/x", "/home/x", "/proc/x", "/dev/x",
        "/run/x", "/var/x", "/proc/sys/kernel/hostname", "/attacker"}) {
    CommandResult result = Run("echo x > " + std::string(place));
    EXPECT_EQ(result.exit_code, 1) << place;
    EXPECT_THAT(result.output, AnyOf(HasSubstr("Read-only file system"), HasSubstr("Permission denied"),
                                     HasSubstr("No such file or directory")))
        << place;
    Status written = sandbox_->WriteFile(place, "x");
    EXPECT_FALSE(written) << place;
  }
  EXPECT_NE(Run("rm -rf /usr/bin /etc").exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists("/usr/bin/env"));
}

TEST_F(Escape, NothingPrivateIsSeen) {
  EXPECT_EQ(
      Run("ls -A /home/user /tmp /var /run /sys /root " +
          std::string(::getenv("HOME") ? ::getenv("HOME") : "/root") + " 2>/dev/null | grep -v -e : -e '^$'")
          .output,
      "demo\ntmp\n");
  EXPECT_EQ(Run("cat " + (workspace_ / "a.txt").string()).exit_code, 1);
  EXPECT_EQ(Run("cat /etc/shadow").exit_code, 1);
  EXPECT_EQ(Run("cut -d: -f1 /etc/passwd").output, "root\nuser\nnobody\n");
}

TEST_F(Escape, TheCallerIsNotSeen) {
  ::setenv("CLAWTRACE_TEST_SECRET", "hidden", 1);
  EXPECT_EQ(Run("grep -al hid[d]en /proc/*/environ 2>/dev/null").output, "");
  EXPECT_EQ(Run("ls /proc > seen; grep -cE '^[0-9]+$' seen").output, "3\n");  // the first, the shell, ls
  for (const char* file : {"environ", "mem", "maps", "root/etc/hostname", "cwd/x", "fd/3", "exe"})
    EXPECT_THAT(Run("/attacker open /proc/1/" + std::string(file)).output, "refused: Permission denied\n")
        << file;
  EXPECT_EQ(Run({.shell = {}, .argv = {"ls", "/proc/self/fd"}, .cwd = {}, .input = {}}).output,
            "0\n1\n2\n3\n");
}

TEST_F(Escape, SystemCallsAreRefused) {
  for (const char* what :
       {"mount",        "umount",        "remount",    "open_tree", "chroot",      "pivot_root",
        "unshare-user", "unshare-mount", "clone-user", "clone-net", "setns",       "ptrace-first",
        "ptrace-me",    "read-first",    "bpf",        "keyctl",    "userfaultfd", "perf",
        "kexec",        "reboot",        "swapon",     "module",    "personality", "type",
        "device",       "vsock",         "packet",     "raw",       "limit-first", "slow-first",
        "slow-all",     "host-name"})
    EXPECT_EQ(Run("/attacker " + std::string(what)).output, "refused: Operation not permitted\n") << what;
  for (const char* what : {"clone3", "io_uring", "memfd", "shm"})
    EXPECT_EQ(Run("/attacker " + std::string(what)).output, "refused: Function not implemented\n") << what;
  EXPECT_EQ(Run("/attacker root").output, "refused: Invalid argument\n");
  ExpectWorking();
}

TEST_F(Escape, ForkBombs) {
  for (const char* bomb : {":(){ :|:& };:; sleep 1000", "bomb() { while :; do bomb & done; }; bomb",
                           "while :; do setsid sleep 1000 & done"}) {
    CommandResult result = Run(Shell(bomb, 100'000));
    EXPECT_EQ(result.limit, "processes") << bomb;
    EXPECT_EQ(result.left_running, 0) << bomb;
    EXPECT_LT(result.wall_ns, 90'000'000'000) << bomb;
    ExpectWorkingAfterBomb();
  }
  // A shell that ends at once and leaves the bomb behind: it goes off then, or during the next command.
  CommandResult left = Run(Shell(":(){ :|:& };:", 100'000));
  if (left.limit.empty()) left = Run(Shell("sleep 1000", 100'000));
  EXPECT_EQ(left.limit, "processes");
  ExpectWorkingAfterBomb();
}

TEST_F(Escape, MemoryBombsOfOneProcess) {
  options_.limits.memory_bytes = int64_t{256} << 20;
  CommandResult result = Run("/attacker hold 400");
  EXPECT_EQ(result.how, Ended::kSignalled);
  EXPECT_EQ(result.limit, "memory");
  // What is asked for at once is refused at once.
  EXPECT_EQ(Run("/attacker hold 4000").output, "refused: Cannot allocate memory\n");
  ExpectWorking();
}

TEST_F(Escape, MemoryBombsOfManyProcesses) {
  options_.limits.memory_bytes = int64_t{512} << 20;
  CommandResult result = Run("for i in $(seq 20); do /attacker hold 40 & done; wait");
  EXPECT_EQ(result.limit, "memory");
  EXPECT_EQ(result.left_running, 0);
  ExpectWorking();
  // Memory that is shared counts once: 20 that hold the same 100 MiB.
  EXPECT_EQ(Run("head -c 100M /dev/zero > big; "
                "python3 -c 'import mmap, os, time\n"
                "m = mmap.mmap(os.open(\"big\", os.O_RDONLY), 0, prot=mmap.PROT_READ)\n"
                "for i in range(20):\n"
                "  if os.fork() == 0: sum(m[::4096]); time.sleep(0.3); os._exit(0)\n"
                "for i in range(20): os.wait()\n"
                "print(\"shared\")'")
                .output,
            "shared\n");
}

TEST_F(Escape, DiskBombs) {
  options_.limits.disk_bytes = int64_t{16} << 20;
  CommandResult one = Run("cat /dev/zero > big");
  EXPECT_EQ(one.limit, "disk");
  EXPECT_THAT(one.output, HasSubstr("No space left on device"));
  EXPECT_EQ(sandbox_->WriteFile("x", std::string(1 << 20, 'x')).error().code, ErrorCode::kLimit);
  ExpectWorking();
  Run("rm big");
  CommandResult many = Run("mkdir m; cd m; for i in $(seq 100000); do : > $i || exit 1; done");
  EXPECT_EQ(many.limit, "disk");
  EXPECT_THAT(many.output, HasSubstr("No space left on device"));
  // All places that can be written are one file system.
  for (const char* place : {"/tmp", "/var/tmp", "/dev/shm", "/home/user"})
    EXPECT_THAT(Run("mkdir " + std::string(place) + "/x").output, HasSubstr("No space left on device"))
        << place;
}

TEST_F(Escape, HugeSparseFilesAreNoTrapForTheTree) {
  options_.limits.file_bytes = int64_t{1} << 40;
  Run("truncate -s 100G a b c");
  auto tree = sandbox_->ReadTree();
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, ErrorCode::kLimit);
  ExpectWorking();
}

TEST_F(Escape, SignalsReachNobodyOutside) {
  CommandResult result =
      Run("kill -9 -1; kill -9 " + std::to_string(::getpid()) + " " + std::to_string(::getppid()) +
          " $PPID; for i in $(seq 1 400); do [ $i = $$ ] || kill -9 $i; done 2>/dev/null; echo here");
  EXPECT_THAT(result.output, HasSubstr("here\n"));
  ExpectWorking();
}

TEST_F(Escape, TheFirstProcessCannotBeKilledOrStopped) {
  EXPECT_EQ(Run("for s in KILL STOP TERM INT HUP USR1 SEGV CHLD PIPE; do kill -$s 1; done; echo here").output,
            "here\n");
  ExpectWorking();
}

TEST_F(Escape, DaemonsEndWithTheSandbox) {
  CommandResult result =
      Run("/attacker daemon; (setsid sleep 1000 &); nohup sleep 1000 >/dev/null 2>&1 & disown");
  EXPECT_EQ(result.how, Ended::kExited);
  EXPECT_EQ(result.left_running, 3);
  // TearDown sees them gone.
}

TEST_F(Escape, LinksLeadToTheSandboxsOwnFiles) {
  test::TempFolder outside;
  outside.Write("secret", "hidden\n");
  Run("ln -s " + (outside / "secret").string() + " secret; ln -s " + outside.path().string() +
      " out; ln -s / root; ln -s ../../../.. up; "
      "ln -s /proc/1/root first");
  for (const char* path : {"secret", "out/secret", "root/root/.bashrc", "up/root/.bashrc"})
    EXPECT_EQ(sandbox_->ReadFile(path).error().code, ErrorCode::kNotFound) << path;
  EXPECT_EQ(sandbox_->ReadFile("first/root/.bashrc").error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(sandbox_->WriteFile("secret", "x"));
  EXPECT_FALSE(sandbox_->WriteFile("out/new", "x"));
  EXPECT_FALSE(sandbox_->WriteFile("root/new", "x"));
  EXPECT_FALSE(sandbox_->RemoveFile("root/usr/bin/env"));
  EXPECT_TRUE(sandbox_->RemoveFile("secret"));
  EXPECT_EQ(Run("cat out/secret").exit_code, 1);
  EXPECT_EQ(outside.Read("secret"), "hidden\n");
  EXPECT_FALSE(std::filesystem::exists(outside / "new"));
  // The workspace itself may hold such links.
  sandbox_.reset();
  test::TempFolder linked;
  std::filesystem::create_symlink(outside.path(), linked / "out");
  options_.workspace = linked.path();
  EXPECT_EQ(Run("cat out/secret").exit_code, 1);
  EXPECT_FALSE(sandbox_->WriteFile("out/new", "x"));
}

TEST_F(Escape, SetuidProgramsGainNothing) {
  test::TempFolder with_setuid;
  std::filesystem::copy_file("/usr/bin/id", with_setuid / "id");
  ASSERT_EQ(::chmod((with_setuid / "id").c_str(), 06755), 0);
  options_.workspace = with_setuid.path();
  EXPECT_EQ(Run("./id -u; cp id mine; chmod 6755 mine; ./mine -u; ./mine -ru").output, "1000\n1000\n1000\n");
  EXPECT_EQ(
      Run("grep -E 'Cap(Eff|Prm|Bnd|Amb|Inh)|NoNewPrivs' /proc/self/status | sort | tr -d '\\t'").output,
      "CapAmb:0000000000000000\nCapBnd:0000000000000000\nCapEff:0000000000000000\nCapInh:0000000000000000\n"
      "CapPrm:0000000000000000\nNoNewPrivs:1\n");
}

TEST_F(Escape, DevicesCannotBeMade) {
  EXPECT_THAT(Run("mknod disk b 8 0").output, HasSubstr("Operation not permitted"));
  EXPECT_EQ(
      Run("for f in /dev/* /dev/pts/*; do [ ! -L $f ] && [ -b $f -o -c $f ] && echo -n \"$f \"; done").output,
      "/dev/full /dev/null /dev/random /dev/urandom /dev/zero /dev/pts/ptmx ");
}

TEST_F(Escape, VeryLongOutputIsCut) {
  options_.limits.output_bytes = 100'000;
  CommandResult result = Run("yes | head -c 1G");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output.size(), 100'000u);
  EXPECT_EQ(result.output_bytes, int64_t{1} << 30);
  // Without an end, by what was left running, too.
  result = Run(Shell("yes & yes", 500));
  EXPECT_EQ(result.how, Ended::kTimedOut);
  EXPECT_EQ(result.left_running, 0);
}

TEST_F(Escape, PlacesOfTheSystemAreNotTaken) {
  for (const char* at :
       {"/", "/usr", "/etc", "/proc/x", "/dev", "/sys", "/bin", "/tmp/../usr", "relative", ""}) {
    options_.at = at;
    auto opened = OpenSandbox(options_, TestHost());
    ASSERT_FALSE(opened) << at;
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidInput) << at;
  }
  for (const char* at : {"/app", "/usr/src/app", "/opt/a/b", "/home/u/x", "/home/user", "/home/user/x",
                         "/root", "/tmp", "/var/www", "/srv/a,b:c\\d e"}) {
    options_.at = at;
    sandbox_.reset();
    EXPECT_EQ(Run("pwd; cat a.txt; echo x > new; ls").output, std::string(at) + "\nalpha\na.txt\nnew\n");
  }
}

TEST_F(Escape, NothingIsLeftWhenTheCallerIsKilled) {
  for (const char* text : {"(setsid sleep 1000 &); sleep 1000 & echo", "sleep 1000"}) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    pid_t caller = ::fork();
    if (caller == 0) {
      auto sandbox = OpenSandbox(options_, TestHost());
      [[maybe_unused]] ssize_t put = ::write(ready[1], "y", 1);
      if (sandbox) [[maybe_unused]]
        auto result = (*sandbox)->Run(Shell(text));
      put = ::write(ready[1], "y", 1);
      ::pause();
      ::_exit(0);
    }
    char yes[2];
    size_t awaited = std::string_view(text) == "sleep 1000" ? 1 : 2;
    for (size_t i = 0; i < awaited; ++i) ASSERT_EQ(::read(ready[0], yes, 1), 1);
    std::vector<pid_t> pids = Pids();
    for (int round = 0; round < 500 && pids.size() < 4; ++round) {
      std::this_thread::sleep_for(milliseconds(10));
      pids = Pids();
    }
    EXPECT_GE(pids.size(), 4u) << text;
    ::kill(caller, SIGKILL);
    ::waitpid(caller, nullptr, 0);
    std::erase(pids, caller);
    EXPECT_TRUE(AllGoSoon(pids)) << text;
    ::close(ready[0]), ::close(ready[1]);
  }
}

TEST_F(Escape, AProcessThatIsKilledFromOutsideIsAnErrorAndNoWait) {
  Run("true");
  std::vector<pid_t> pids = Pids();
  ASSERT_EQ(pids.size(), 2u);
  std::thread killer([&] {
    std::this_thread::sleep_for(milliseconds(100));
    ::kill(std::ranges::max(pids), SIGKILL);
  });
  auto result = sandbox_->Run(Shell("sleep 1000"));
  killer.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kIo);
  EXPECT_FALSE(sandbox_->ReadFile("a.txt"));
  EXPECT_FALSE(sandbox_->ReadTree());
}

TEST(Sandbox, IsRefusedWhereNamespacesAre) {
  CT_NEEDS_SANDBOX();
  // In a process of its own, since what is denied stays so.
  pid_t denied = ::fork();
  if (denied == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!DenyCalls()) ::_exit(2);
    Status available = SandboxAvailable(TestHost());
    if (available) ::_exit(3);
    bool told = available.error().code == ErrorCode::kUnavailable && !available.error().hint.empty() &&
                available.error().message.contains("Operation not permitted");
    WorkplaceOptions options{
        .workspace = {}, .at = "/tmp/demo", .mounts = {}, .environment = {}, .limits = {}};
    ::_exit(told && !OpenSandbox(options, TestHost()) ? 0 : 4);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(denied, &status, 0), denied);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Sandbox, IsRefusedWithoutItsProgram) {
  Status missing = SandboxAvailable({.program = "/nowhere/clawtrace", .scratch = "/tmp"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "cannot start /nowhere/clawtrace: No such file or directory");
  Status other = SandboxAvailable({.program = "/bin/true", .scratch = "/tmp"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnavailable);
}

// Root and others take different ways (sandbox/isolate.h): where the tests run as root, the other one is
// tried as well.
TEST(Sandbox, HoldsForOtherUsersThanRoot) {
  CT_NEEDS_SANDBOX();
  if (::geteuid() != 0) GTEST_SKIP() << "all other tests were run as such a user";
  test::TempFolder programs, workspace, said;
  std::filesystem::copy_file(CLAWTRACE_WORKPLACE_PROGRAM, programs / "program");
  workspace.Write("a.txt", "alpha\n");
  constexpr uid_t kSomebody = 12345;
  for (const std::filesystem::path& path : {workspace.path(), workspace / "a.txt", said.path()})
    ASSERT_EQ(::chown(path.c_str(), kSomebody, kSomebody), 0);
  pid_t somebody = ::fork();
  if (somebody == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
        ::setresuid(kSomebody, kSomebody, kSomebody) != 0)
      ::_exit(2);
    WorkplaceOptions options{.workspace = workspace.path(),
                             .at = "/tmp/demo",
                             .mounts = {{.from = said.path(), .at = "/said", .writable = true}},
                             .environment = {},
                             .limits = {}};
    auto sandbox = OpenSandbox(options, {.program = programs / "program", .scratch = "/tmp"});
    if (!sandbox) ::_exit(3);
    auto result =
        (*sandbox)->Run(Shell("id -u; echo more >> a.txt; mkdir d; rmdir d; mkdir d; cp a.txt /said; cat "
                              "/etc/shadow /root/x; touch /usr/x; "
                              "mount -t tmpfs x /tmp; unshare -U true; grep NoNewPrivs /proc/self/status"));
    if (!result ||
        !result->output.starts_with("1000\ncat: /etc/shadow: Permission denied\ncat: /root/x: No such") ||
        !result->output.ends_with("NoNewPrivs:\t1\n"))
      ::_exit(4);
    auto bomb = (*sandbox)->Run(Shell(":(){ :|:& };:"));
    if (!bomb || bomb->limit != "processes" || bomb->left_running != 0) ::_exit(5);
    sandbox->reset();
    ::_exit(Descendants().empty() ? 0 : 6);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(somebody, &status, 0), somebody);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(workspace.Read("a.txt"), "alpha\n");
  EXPECT_EQ(said.Read("a.txt"), "alpha\nmore\n");
}

}  // namespace
}  // namespace clawtrace::replay
