#include "replay/sandbox/isolate.h"

#include <fmt/core.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "replay/sandbox/deny_calls.h"
#include "replay/sandbox/id_map.h"

namespace clawtrace::replay {
namespace {

// Belongs to nobody: the last number of a range that Debian keeps free, and one that containers map.
constexpr uid_t kUserOfRoot = 65533;

bool MayMount() {
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  return ::syscall(SYS_capget, &head, data) == 0 && (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

// One number of a file below /proc/sys; "" when this kernel has none.
std::string Setting(const char* path) {
  auto text = ReadFile(path);
  return text ? std::string(Trim(*text)) : "";
}

std::string HintOnNamespaces() {
  if (Setting("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1";
  if (Setting("/proc/sys/user/max_user_namespaces") == "0")
    return "allow user namespaces: sysctl user.max_user_namespaces=10000";
  if (Setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor "
           "profile "
           "for clawtrace";
  return "in a container, allow namespaces (docker run --security-opt seccomp=unconfined --security-opt "
         "systempaths=unconfined), or run on the machine itself";
}

Status DropCapabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability) != 0)
      return Fail(ErrorCode::kUnavailable, fmt::format("cannot drop capabilities: {}", std::strerror(errno)));
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      ::syscall(SYS_capset, &head, none) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return Fail(ErrorCode::kUnavailable, fmt::format("cannot drop capabilities: {}", std::strerror(errno)));
  return {};
}

}  // namespace

Owner WhoRuns() {
  // In a user namespace of somebody else's, root is that somebody.
  constexpr std::string_view kEverybody = "0          0 4294967295";
  if (MayMount() && ::geteuid() == 0 && Setting("/proc/self/uid_map") == kEverybody)
    return {.privileged = true, .uid = kUserOfRoot};
  return {.privileged = false, .uid = kUserInside};
}

Status Separate(const Owner& owner) {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (::unshare(owner.privileged ? flags : flags | CLONE_NEWUSER) != 0)
    return Fail(ErrorCode::kUnavailable,
                fmt::format("this machine does not allow namespaces: {}", std::strerror(errno)),
                HintOnNamespaces());
  auto mapped = owner.privileged ? Status() : MapSelf(kUserInside, user, group);
  if (!mapped) mapped.error().hint = HintOnNamespaces();
  return mapped;
}

Status PlainMachine() {
  OpenFile socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq lo{};
  std::strcpy(lo.ifr_name, "lo");
  lo.ifr_flags = IFF_UP;
  constexpr std::string_view kName = "sandbox";
  if (!socket || ::ioctl(socket.get(), SIOCSIFFLAGS, &lo) != 0 ||
      ::sethostname(kName.data(), kName.size()) != 0)
    return Fail(ErrorCode::kUnavailable,
                fmt::format("cannot set up the sandbox's network: {}", std::strerror(errno)),
                HintOnNamespaces());
  return {};
}

Status DropRights(const Owner& owner) {
  if (owner.privileged) {
    // A user namespace of its own, too: processes are counted by user and namespace, and this one is no
    // other's.
    if (::setgroups(0, nullptr) != 0 || ::setresgid(owner.uid, owner.uid, owner.uid) != 0 ||
        ::setresuid(owner.uid, owner.uid, owner.uid) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0 ||
        ::unshare(CLONE_NEWUSER) != 0)
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("cannot become another user: {}", std::strerror(errno)), HintOnNamespaces());
    CT_RETURN_IF_ERROR(MapSelf(kUserInside, owner.uid, owner.uid));
  }
  CT_RETURN_IF_ERROR(DropCapabilities());
  // Nobody inside may look into this process, which has seen more than they.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return Fail(ErrorCode::kUnavailable, fmt::format("cannot close itself: {}", std::strerror(errno)));
  return DenyCalls();
}

}  // namespace clawtrace::replay
