// What libraries do to strangers' bytes happens in processes that can do nothing else.
#include "nodes/files/confined.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nodes/files/confinement.h"

namespace dagfusion::tests {
namespace {

ConfinedAnswer reversed(const Confined& asked) {
  ConfinedAnswer answer{std::string(asked.head), {asked.body.rbegin(), asked.body.rend()}};
  return answer;
}

ConfinedAnswer crash(const Confined&) {
  std::raise(SIGSEGV);
  ::_exit(1);
}

ConfinedAnswer refuse(const Confined&) { throw std::runtime_error("is a picture of nothing"); }

ConfinedAnswer take_all_memory(const Confined&) {
  std::vector<std::vector<char>> held;
  for (;;) held.emplace_back().reserve(std::size_t{1} << 28);  // taken, and never touched
}

// What came of opening a file, a socket and a process: "1 1 1" when all were refused.
ConfinedAnswer break_out(const Confined&) {
  const int file = ::open("/etc/passwd", O_RDONLY), made = ::open("/tmp/made", O_WRONLY | O_CREAT, 0600),
            socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const pid_t process = ::fork();
  if (process == 0) ::_exit(0);
  return {(file < 0 ? "1" : "0") + std::string(made < 0 ? "1" : "0") + (socket < 0 ? "1" : "0") +
              (process < 0 ? "1" : "0"),
          {}};
}

ConfinedAnswer read_file(const Confined& asked) {
  ConfinedAnswer answer;
  answer.body.resize(4);
  if (::pread(asked.file, answer.body.data(), answer.body.size(), 0) != 4)
    throw std::runtime_error("cannot be read");
  return answer;
}

std::string said_of(ConfinedWork work) {
  try {
    confined(work, {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Confined, AnswersWithWhatTheWorkMade) {
  start_confinement();
  const Bytes body = {1, 2, 3};
  const ConfinedAnswer answer = confined(reversed, {"head", body});
  EXPECT_EQ(answer.head, "head");
  EXPECT_EQ(answer.body, (Bytes{3, 2, 1}));
  EXPECT_EQ(said_of(refuse), "is a picture of nothing");
}

TEST(Confined, SaysWhatTheKernelLacks) {
  EXPECT_EQ(said_of_missing("seccomp, landlock"), "");
  EXPECT_EQ(said_of_missing("seccomp"), "");
  EXPECT_EQ(said_of_missing("landlock"),
            "this kernel has no seccomp: the process that reads pictures and HDF5 files is a process of its "
            "own, but "
            "could reach the network");
  EXPECT_EQ(said_of_missing(""),
            "this kernel has no seccomp and no Landlock: the process that reads pictures and HDF5 files is a "
            "process "
            "of its own, but could open other files");
}

TEST(Confined, SurvivesACrash) {
  start_confinement();
  for (int time = 0; time < 3; ++time) {
    EXPECT_EQ(said_of(crash), "is damaged: reading it crashed the library that reads such files");
    EXPECT_EQ(confined(reversed, {"still", {}}).head, "still");
  }
}

TEST(Confined, CannotReachOutOfItsProcess) {
  start_confinement();
  if (means_of_confinement().find("seccomp") == std::string::npos)
    GTEST_SKIP() << "the kernel has no seccomp";
  EXPECT_EQ(confined(break_out, {}).head, "1111");
}

TEST(Confined, HasAnEndToItsMemory) {
  start_confinement();
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer takes all addresses";
#endif
  EXPECT_EQ(said_of(take_all_memory), "needs more memory to be read than there is for it");
}

TEST(Confined, ReadsAFileThatIsOpen) {
  start_confinement();
  const int file = ::open("/proc/self/exe", O_RDONLY);
  EXPECT_EQ(confined(read_file, {{}, {}, file}).body, (Bytes{0x7F, 'E', 'L', 'F'}));
  ::close(file);
}

TEST(Confined, WorksForManyThreadsAtOnce) {
  start_confinement();
  std::vector<std::thread> threads;
  std::vector<int> right(8);
  for (std::size_t i = 0; i < right.size(); ++i)
    threads.emplace_back([&right, i] {
      for (int time = 0; time < 50; ++time) {
        const Bytes body(100 * i + static_cast<std::size_t>(time), static_cast<std::uint8_t>(i));
        right[i] += confined(reversed, {"", body}).body == body ? 1 : 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(right.size(), 50));
}

}  // namespace
}  // namespace dagfusion::tests
