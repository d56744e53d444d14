#include "tools/launch/before_libraries.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "graph/values/what_of.h"
#include "tools/launch/exit.h"

namespace dagfusion {

void end_in_words() noexcept {
  static std::atomic_flag warned;
  if (warned.test_and_set())
    for (;;) pause();  // another thread is about to end the process
  try {
    if (std::current_exception()) throw;
  } catch (const std::bad_alloc& e) {
    std::fprintf(stderr, "run-pipeline: %s\n", what_of(e));
    std::_Exit(kFailed);
  } catch (const std::runtime_error& e) {
    std::fprintf(stderr, "run-pipeline: %s\n", e.what());
    std::_Exit(kFailed);
  } catch (...) {
  }
  std::abort();  // a defect of ours
}

namespace {

constexpr char kOneThread[] = "OPENBLAS_NUM_THREADS=1";

// OpenBLAS, which can stand behind OpenCV, starts a thread for every core in its constructor. Each takes 128 MiB of addresses;
// where one cannot start, the process gets SIGINT, or hangs at its first fork or at its end. We ask it for nothing, so where
// addresses are bounded the program is loaded once more with the setting that keeps it alone. (A setting made here would be
// lost: the C library takes the environment from the kernel later.)
void keep_openblas_alone(char** argv, char** environment) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  std::vector<char*> settings;
  for (; *environment; ++environment) {
    const std::string_view setting = *environment;
    if (setting == kOneThread) return;
    if (!setting.starts_with("OPENBLAS_NUM_THREADS=")) settings.push_back(*environment);
  }
  settings.push_back(const_cast<char*>(kOneThread));
  settings.push_back(nullptr);
  std::array<char, PATH_MAX> program{};
  if (readlink("/proc/self/exe", program.data(), program.size() - 1) > 0)
    execve(program.data(), argv, settings.data());
}

void before_libraries(int, char** argv, char** environment) {
  std::set_terminate(end_in_words);
  keep_openblas_alone(argv, environment);
}

// The dynamic loader calls what stands here first of all.
[[gnu::used, gnu::section(".preinit_array")]] void (*const first_of_all)(int, char**,
                                                                         char**) = before_libraries;

}  // namespace

}  // namespace dagfusion
