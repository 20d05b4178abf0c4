#include "replay/sandbox/deny_calls.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace clawtrace::replay {
namespace {

constexpr uint64_t kLow = 0xffffffff;  // what the kernel looks at of an argument that is an int
constexpr uint64_t kFirstProcess = 1;

scmp_arg_cmp Compared(scmp_compare how, unsigned argument, uint64_t value) {
  return {.arg = argument, .op = how, .datum_a = value, .datum_b = 0};
}

// The bits of `mask` are those of `value`.
scmp_arg_cmp Masked(unsigned argument, uint64_t mask, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

class Filter {
 public:
  Filter() : rules_(seccomp_init(SCMP_ACT_ALLOW), seccomp_release) {}

  // Names that this kernel or machine does not have are no danger and left out.
  void Deny(std::initializer_list<const char*> names, int error = EPERM) {
    for (const char* name : names) Add(seccomp_syscall_resolve_name(name), error, {});
  }
  void DenyWhere(const char* name, const scmp_arg_cmp& where) {
    Add(seccomp_syscall_resolve_name(name), EPERM, {where});
  }
  Status Load() {
    if (!rules_ || error_ != 0)
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("no filter of system calls: {}", std::strerror(-error_)));
    // A tree of comparisons: the filter is asked at every call.
    seccomp_attr_set(rules_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (int error = seccomp_load(rules_.get()); error != 0)
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("the kernel takes no filter of system calls: {}", std::strerror(-error)));
    return {};
  }

 private:
  void Add(int call, int error, std::initializer_list<scmp_arg_cmp> where) {
    if (!rules_ || call == __NR_SCMP_ERROR || call < 0) return;
    int added = seccomp_rule_add_array(rules_.get(), SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), call,
                                       static_cast<unsigned>(where.size()), where.begin());
    if (added != 0) error_ = added;
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> rules_;
  int error_ = 0;
};

void DenyAlways(Filter* filter) {
  filter->Deny({"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
                "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"});
  filter->Deny({"unshare", "setns"});
  filter->Deny({"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd"});
  filter->Deny({"bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "fanotify_init",
                "lookup_dcookie", "open_by_handle_at", "name_to_handle_at"});
  filter->Deny({"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "init_module", "finit_module",
                "delete_module", "acct", "quotactl", "quotactl_fd", "syslog", "vhangup", "iopl", "ioperm",
                "modify_ldt", "nfsservctl"});
  filter->Deny({"settimeofday", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
                "clock_adjtime64", "stime", "sethostname", "setdomainname"});
  // Programs fall back to what there was before these. clone3 hides its flags from filters; the others hold
  // memory that neither a process nor the limited file system answers for.
  filter->Deny({"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create",
                "memfd_secret", "shmget", "mq_open"},
               ENOSYS);
}

void DenyByArgument(Filter* filter) {
  for (uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
    filter->DenyWhere("clone", Masked(0, flag, flag));
  for (uint64_t request : {TIOCSTI, TIOCLINUX}) filter->DenyWhere("ioctl", Masked(1, kLow, request));
  // Of execution domains only 0 and asking for it, 0xffffffff: every other number has a bit whose neighbour
  // is clear.
  for (unsigned bit = 0; bit < 32; ++bit) {
    uint64_t set = uint64_t{1} << bit;
    uint64_t clear = uint64_t{1} << ((bit + 1) % 32);
    filter->DenyWhere("personality", Masked(0, set | clear, set));
  }
  // Local, IPv4, IPv6 and questions about interfaces. Others, such as AF_VSOCK, know no network namespaces.
  for (uint64_t family = 0; family <= AF_NETLINK; ++family)
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
      for (const char* call : {"socket", "socketpair"})
        filter->DenyWhere(call, Compared(SCMP_CMP_EQ, 0, family));
  for (const char* call : {"socket", "socketpair"})
    filter->DenyWhere(call, Compared(SCMP_CMP_GT, 0, AF_NETLINK));
  for (const char* call :
       {"prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"})
    filter->DenyWhere(call, Masked(0, kLow, kFirstProcess));
  for (const char* call : {"setpriority", "ioprio_set"})
    filter->DenyWhere(call, Masked(1, kLow, kFirstProcess));
  filter->DenyWhere("setpriority", Masked(0, kLow, PRIO_USER));
  constexpr uint64_t kIoPriorityOfUser = 3;
  filter->DenyWhere("ioprio_set", Masked(0, kLow, kIoPriorityOfUser));
}

}  // namespace

Status DenyCalls() {
  Filter filter;
  DenyAlways(&filter);
  DenyByArgument(&filter);
  return filter.Load();
}

}  // namespace clawtrace::replay
