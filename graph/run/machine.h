// What the machine, the control groups (cgroups v1 and v2) around this process and its own limits let it have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace dagfusion {

struct MemoryBound {
  std::uint64_t bytes;
  std::string whose;  // "this machine has", "its control group allows"
};

// The least of what the machine has, the groups allow, and the limit of address space leaves.
MemoryBound memory_bound();

// The tightest of all groups around this process, its own and those around that; nothing where none sets one.
// `root`: of the file system with proc/self/cgroup and sys/fs/cgroup.
std::optional<double> group_cores(const std::filesystem::path& root);
std::optional<std::uint64_t> group_memory(const std::filesystem::path& root);

}  // namespace dagfusion
