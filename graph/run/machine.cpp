#include "graph/run/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

#include "graph/run/run.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

bool names(const std::string& controllers, const std::string& wanted) {  // "cpu,cpuacct"
  std::istringstream list(controllers);
  for (std::string one; std::getline(list, one, ',');)
    if (one == wanted) return true;
  return false;
}

// Where groups of one hierarchy are mounted: version 2 alone, or beside version 1.
std::vector<fs::path> mounts_of(const fs::path& groups, const std::string& controllers,
                                const std::string& wanted) {
  if (controllers.empty()) return {groups, groups / "unified"};
  return {groups / controllers, groups / wanted};
}

// The folders of all groups around this process that bound `wanted` (cpu, memory). A container may see only
// its own as the root of what is mounted.
std::vector<fs::path> groups_around(const fs::path& root, const std::string& wanted) {
  std::vector<fs::path> found;
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {  // "1:cpu,cpuacct:/path", of version 2 "0::/path"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !names(controllers, wanted)) continue;
    for (const fs::path& mount : mounts_of(root / "sys/fs/cgroup", controllers, wanted))
      for (fs::path path = fs::path(line.substr(second + 1)).relative_path();; path = path.parent_path()) {
        found.push_back(mount / path);
        if (path.empty()) break;
      }
  }
  return found;
}

// The number at the begin of that file; nothing: there is no such file, or no bound ("max", -1).
std::optional<double> number_in(const fs::path& path) {
  double number = 0;
  std::ifstream file(path);
  if (file >> number && number > 0) return number;
  return std::nullopt;
}

std::optional<double> quota_v2(const fs::path& group) {  // "200000 100000" or "max 100000"
  double most = 0, period = 0;
  std::ifstream file(group / "cpu.max");
  if (file >> most >> period && period > 0) return most / period;
  return std::nullopt;
}

std::optional<double> quota_v1(const fs::path& group) {
  const auto most = number_in(group / "cpu.cfs_quota_us"), period = number_in(group / "cpu.cfs_period_us");
  if (most && period) return *most / *period;
  return std::nullopt;
}

void tighten(std::optional<double>& bound, const std::optional<double>& other) {
  if (other && (!bound || *other < *bound)) bound = other;
}

std::uint64_t memory_of_machine() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// What may still be added to what this process has.
std::optional<std::uint64_t> address_space_left() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  const auto pages = number_in("/proc/self/statm");
  const auto taken =
      static_cast<std::uint64_t>(pages.value_or(0)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
}

}  // namespace

std::optional<double> group_cores(const fs::path& root) {
  std::optional<double> cores;
  for (const fs::path& group : groups_around(root, "cpu")) {
    tighten(cores, quota_v2(group));
    tighten(cores, quota_v1(group));
  }
  return cores;
}

std::optional<std::uint64_t> group_memory(const fs::path& root) {
  std::optional<double> bytes;
  for (const fs::path& group : groups_around(root, "memory")) {
    tighten(bytes, number_in(group / "memory.max"));
    tighten(bytes, number_in(group / "memory.limit_in_bytes"));
  }
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const auto quota = group_cores("/")) cores = std::min(cores, static_cast<int>(std::ceil(*quota)));
  return std::max(cores, 1);
}

int threads_of(const RunSettings& run, int asked) {
  if (asked > 0) return asked;
  return run.threads > 0 ? run.threads : available_cores();
}

MemoryBound memory_bound() {
  MemoryBound least{memory_of_machine(), "this machine has"};
  if (const auto group = group_memory("/"); group && *group < least.bytes)
    least = {*group, "its control group allows"};
  if (const auto left = address_space_left(); left && *left < least.bytes)
    least = {*left, "the limit of address space (ulimit -v) leaves"};
  return least;
}

}  // namespace dagfusion
