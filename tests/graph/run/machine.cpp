#include "graph/run/machine.h"

#include <gtest/gtest.h>

#include <fstream>

#include "graph/run/run.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

// A file system with the groups around this process.
class Groups {
 public:
  explicit Groups(const std::string& of_this_process) { write("proc/self/cgroup", of_this_process); }
  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::optional<double> cores() const { return group_cores(folder_.path()); }
  std::optional<std::uint64_t> memory() const { return group_memory(folder_.path()); }

 private:
  ScratchFolder folder_;
};

TEST(Machine, HasNoBoundWithoutGroups) {
  const Groups groups("");
  EXPECT_EQ(groups.cores(), std::nullopt);
  EXPECT_EQ(groups.memory(), std::nullopt);
}

TEST(Machine, TakesTheTightestOfNestedGroups) {
  Groups groups("0::/batch/job/step\n");
  groups.write("sys/fs/cgroup/batch/cpu.max", "150000 100000\n");  // one and a half cores
  groups.write("sys/fs/cgroup/batch/memory.max", "max\n");
  groups.write("sys/fs/cgroup/batch/job/cpu.max", "max 100000\n");
  groups.write("sys/fs/cgroup/batch/job/memory.max", "1000000\n");
  groups.write("sys/fs/cgroup/batch/job/step/cpu.max", "400000 100000\n");
  groups.write("sys/fs/cgroup/batch/job/step/memory.max", "2000000\n");
  EXPECT_EQ(groups.cores(), 1.5);
  EXPECT_EQ(groups.memory(), 1000000);
}

TEST(Machine, TakesTheTightestOfNestedGroupsOfVersion1) {
  Groups groups("5:memory:/batch/job\n3:cpu,cpuacct:/batch/job\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us", "200000\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us", "100000\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us", "50000\n");
  groups.write("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us", "10000\n");
  groups.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  groups.write("sys/fs/cgroup/memory/batch/memory.limit_in_bytes", "3000000\n");
  EXPECT_EQ(groups.cores(), 2);
  EXPECT_EQ(groups.memory(), 3000000);
}

TEST(Machine, LooksAtBothVersionsWhereBothAreMounted) {
  Groups groups("2:cpu:/a\n0::/b\n");
  groups.write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000\n");
  groups.write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  groups.write("sys/fs/cgroup/unified/b/memory.max", "500\n");
  EXPECT_EQ(groups.cores(), 3);
  EXPECT_EQ(groups.memory(), 500);
}

TEST(Machine, FindsItsOwnGroupAtTheRootOfAContainer) {
  Groups groups("4:memory:/docker/3fe2\n3:cpu,cpuacct:/docker/3fe2\n");
  groups.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
  groups.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  groups.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(groups.cores(), 2.5);
  EXPECT_EQ(groups.memory(), 4096);
}

TEST(Machine, HasACoreAndMemory) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_GT(memory_bound().bytes, 0u);
}

}  // namespace
}  // namespace dagfusion::tests
