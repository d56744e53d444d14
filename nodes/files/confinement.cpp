#include "nodes/files/confinement.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dagfusion {
namespace {

// A decoder of 64 Mpixel takes less than half of this.
constexpr rlim_t kMostAddressSpace = rlim_t{4} << 30;

#if defined(__x86_64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kProcessor = 0;  // no filter is known
#endif

constexpr std::array kAllowed = {
    SYS_read,
    SYS_write,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_pread64,
    SYS_lseek,
    SYS_fstat,
    SYS_close,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_rt_sigreturn,
    SYS_rt_sigaction,
    SYS_sigaltstack,
    SYS_rt_sigprocmask,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_getpid,
    SYS_gettid,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_exit,
    SYS_exit_group,
    SYS_getrandom,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_set_tid_address,
};

sock_filter load(std::size_t at) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
}
sock_filter answer(std::uint32_t what) { return BPF_STMT(BPF_RET | BPF_K, what); }
sock_filter unless_equal(std::uint32_t value, std::uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}
sock_filter unless_bits(std::uint32_t bits, std::uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, skip);
}

// Low half of a call's argument, on processors whose low half comes first.
constexpr std::size_t argument(std::size_t number) { return offsetof(seccomp_data, args) + number * 8; }

std::vector<sock_filter> allow_list() {
  constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW, kRefuse = SECCOMP_RET_ERRNO | EPERM;
  // The wrong processor's numbers mean other calls.
  std::vector<sock_filter> program = {load(offsetof(seccomp_data, arch)), unless_equal(kProcessor, 1),
                                      BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), answer(SECCOMP_RET_KILL_PROCESS),
                                      load(offsetof(seccomp_data, nr))};
  for (const long call : kAllowed) {
    program.push_back(unless_equal(static_cast<std::uint32_t>(call), 1));
    program.push_back(answer(kAllow));
  }
  // Memory, but none that can be run.
  for (const long call : {SYS_mmap, SYS_mprotect}) {
    program.push_back(unless_equal(static_cast<std::uint32_t>(call), 4));
    program.push_back(load(argument(2)));
    program.push_back(unless_bits(PROT_EXEC, 1));
    program.push_back(answer(kRefuse));
    program.push_back(answer(kAllow));
  }
  // Threads, as some decoders start them, but no processes.
  program.push_back(unless_equal(SYS_clone, 4));
  program.push_back(load(argument(0)));
  program.push_back(unless_bits(CLONE_THREAD, 1));
  program.push_back(answer(kAllow));
  program.push_back(answer(kRefuse));
  program.push_back(unless_equal(SYS_clone3, 1));  // its flags cannot be looked at; libc then takes clone
  program.push_back(answer(SECCOMP_RET_ERRNO | ENOSYS));
  program.push_back(answer(kRefuse));
  return program;
}

bool knows_seccomp() {
  const std::uint32_t wanted = SECCOMP_RET_ERRNO;
  return kProcessor != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &wanted) == 0;
}

long landlock_version() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

// Every way to touch a file that the kernel can take away: 13 in version 1, one more in each of 2 and 3.
void give_up_files() {
  const long version = landlock_version();
  if (version < 1) return;
  constexpr int kWays = 13;
  landlock_ruleset_attr rules = {};
  rules.handled_access_fs = (std::uint64_t{1} << (kWays + std::min(version - 1, 2L))) - 1;
  const auto set = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0));
  if (set < 0) return;
  ::syscall(SYS_landlock_restrict_self, set, 0);
  ::close(set);
}

void bound(__rlimit_resource what, rlim_t most) {
  rlimit limit{};
  if (::getrlimit(what, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, most);
  ::setrlimit(what, &limit);
}

}  // namespace

void confine_this_process() {
  bound(RLIMIT_CORE, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadows are larger
  bound(RLIMIT_AS, kMostAddressSpace);
#endif
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  give_up_files();
  if (!knows_seccomp()) return;
  std::vector<sock_filter> filter = allow_list();
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

std::string means_of_confinement() {
  std::string means = knows_seccomp() ? "seccomp" : "";
  if (landlock_version() > 0) means += means.empty() ? "landlock" : ", landlock";
  return means;
}

std::string said_of_missing(const std::string& means) {
  const bool filters = means.find("seccomp") != std::string::npos,
             locks = means.find("landlock") != std::string::npos;
  if (filters) return "";  // without a call that opens, Landlock has nothing to add
  return std::string("this kernel has no seccomp") + (locks ? "" : " and no Landlock") +
         ": the process that reads pictures and HDF5 files is a process of its own, but could " +
         (locks ? "reach the network" : "open other files");
}

}  // namespace dagfusion
