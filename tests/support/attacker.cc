// What a hostile command would try that no shell can: attacker WHAT [ARGUMENT]. Says "refused: REASON", or
// "DONE" when it could do it.
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

const char* argument = "";

long CloneInto(unsigned long flags) {
  long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return pid;
}

long ReadFirstProcess() {
  char here[8] = {};
  iovec mine{here, sizeof(here)};
  iovec theirs{reinterpret_cast<void*>(&argument), sizeof(here)};
  return ::process_vm_readv(1, &mine, 1, &theirs, 1, 0);
}

long TypeIntoTerminal() {
  int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) return -1;
  char key = 'x';
  return ::ioctl(terminal, TIOCSTI, &key);
}

long LimitFirstProcess() {
  rlimit none{0, 0};
  return ::prlimit(1, RLIMIT_NOFILE, &none, nullptr);
}

long ConnectTo(sockaddr_un* address, size_t size) {
  int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return ::connect(socket, reinterpret_cast<sockaddr*>(address), static_cast<socklen_t>(size));
}

long ConnectToPath() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, argument, sizeof(address.sun_path) - 1);
  return ConnectTo(&address, sizeof(address));
}

long ConnectToAbstract() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, argument, sizeof(address.sun_path) - 2);
  return ConnectTo(&address, offsetof(sockaddr_un, sun_path) + 1 + std::strlen(argument));
}

// Holds that many MiB until it is killed.
long Hold() {
  size_t bytes = std::strtoul(argument, nullptr, 10) << 20;
  volatile char* memory = static_cast<char*>(std::malloc(bytes));
  if (memory == nullptr) return -1;
  for (size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
  ::pause();
  return 0;
}

// A daemon as the books say: not its parent's, not its session's, not its group's, and deaf.
long Daemon() {
  for (int round = 0; round < 2; ++round) {
    if (::fork() != 0) ::_exit(0);
    ::setsid();
  }
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
  ::close(0), ::close(1), ::close(2);
  while (true) ::pause();
}

struct Attempt {
  const char* name;
  long (*make)();
};

constexpr Attempt kAttempts[] = {
    {"mount", [] { return long{::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr)}; }},
    {"umount", [] { return long{::umount2("/tmp", MNT_DETACH)}; }},
    {"remount", [] { return long{::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr)}; }},
    {"open_tree", [] { return ::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE); }},
    {"chroot", [] { return long{::chroot("/tmp")}; }},
    {"pivot_root", [] { return ::syscall(SYS_pivot_root, ".", "."); }},
    {"unshare-user", [] { return long{::unshare(CLONE_NEWUSER)}; }},
    {"unshare-mount", [] { return long{::unshare(CLONE_NEWNS)}; }},
    {"clone-user", [] { return CloneInto(CLONE_NEWUSER); }},
    {"clone-net", [] { return CloneInto(CLONE_NEWNET); }},
    {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }},
    {"setns", [] { return long{::setns(::open("/proc/self/ns/net", O_RDONLY), 0)}; }},
    {"ptrace-first", [] { return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr); }},
    {"ptrace-me", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
    {"read-first", ReadFirstProcess},
    {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 1); }},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 1); }},
    {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 4, nullptr); }},
    {"perf", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
    {"kexec", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"reboot", [] { return ::syscall(SYS_reboot, 0, 0, 0, nullptr); }},
    {"swapon", [] { return ::syscall(SYS_swapon, "/tmp/x", 0); }},
    {"module", [] { return ::syscall(SYS_init_module, nullptr, 0, ""); }},
    {"personality", [] { return long{::personality(ADDR_NO_RANDOMIZE)}; }},
    {"type", TypeIntoTerminal},
    {"device", [] { return long{::mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0))}; }},
    {"vsock", [] { return long{::socket(AF_VSOCK, SOCK_STREAM, 0)}; }},
    {"packet", [] { return long{::socket(AF_PACKET, SOCK_RAW, 0)}; }},
    {"raw", [] { return long{::socket(AF_INET, SOCK_RAW, 1)}; }},
    {"memfd", [] { return ::syscall(SYS_memfd_create, "x", 0); }},
    {"shm", [] { return ::syscall(SYS_shmget, 0, 4096, 01600); }},
    {"limit-first", LimitFirstProcess},
    {"slow-first", [] { return long{::setpriority(PRIO_PROCESS, 1, 19)}; }},
    {"slow-all", [] { return long{::setpriority(PRIO_USER, 0, 19)}; }},
    {"root", [] { return long{::setuid(0)}; }},
    {"host-name", [] { return long{::sethostname("x", 1)}; }},
    {"open", [] { return long{::open(argument, O_RDONLY)}; }},
    {"connect-path", ConnectToPath},
    {"connect-abstract", ConnectToAbstract},
    {"hold", Hold},
    {"daemon", Daemon},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) argument = argv[2];
  for (const Attempt& attempt : kAttempts) {
    if (argc < 2 || std::string(attempt.name) != argv[1]) continue;
    if (attempt.make() < 0)
      std::printf("refused: %s\n", std::strerror(errno));
    else
      std::printf("DONE\n");
    return 0;
  }
  std::fprintf(stderr, "attacker: no such attempt\n");
  return 2;
}
