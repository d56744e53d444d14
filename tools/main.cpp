// run-pipeline: a subcommand, or a pipeline file to run.
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "graph/values/what_of.h"
#include "nodes/files/confined.h"
#include "tools/commands/command.h"
#include "tools/commands/commands.h"
#include "tools/launch/exit.h"
#include "tools/launch/instruction_set.h"
#include "tools/launch/ranks.h"
#include "tools/launch/stop_signals.h"

namespace dagfusion {

namespace {

// Whether --no-sandbox stands before a `--`; it is taken out of the arguments.
bool take_no_sandbox(int& argc, char** argv) {
  char** const end =
      std::find_if(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--"; });
  char** const found =
      std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--no-sandbox"; });
  if (found == end) return false;
  std::copy(found + 1, argv + argc + 1, found);  // with the null behind the last
  --argc;
  return true;
}

// `help` is --help, and `help check` is `check --help`.
std::vector<char*> with_help_as_option(int argc, char** argv) {
  static std::string option = "--help";
  std::vector<char*> typed(argv, argv + argc);
  if (argc > 1 && argc < 4 && typed[1] == std::string("help")) {
    typed.erase(typed.begin() + 1);
    typed.push_back(option.data());
  }
  return typed;
}

int run_command_line(int argc, char** argv) {
  if (const int exit = guarded("", [] { return limit_instruction_set(), kDone; })) return exit;
  std::vector<char*> typed = with_help_as_option(argc, argv);
  argc = static_cast<int>(typed.size());
  typed.push_back(nullptr);
  if (argc > 1)
    for (const Command& command : commands())
      if (command.name == typed[1]) {
        if (const int exit = command.on_ranks ? kDone : guarded(command.name, [&] {
              return refuse_ranks(command.name), kDone;
            }))
          return exit;
        return command.run(argc - 1, typed.data() + 1, command);
      }
  return run_pipeline_command(argc, typed.data());
}

// Output that cannot be written is an error: the disk may be full behind `resolve … > file`.
int after_writing(int exit) {
  std::cout.flush();
  errno = 0;
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout.good()) return exit;
  std::fprintf(stderr, "run-pipeline: cannot write to standard output: %s\n",
               errno ? std::strerror(errno) : "not all of it was taken");
  return exit == kDone ? kFailed : exit;
}

bool address_space_is_bounded() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

// Everything is written and closed. Where memory is bounded, libraries do not get their turn: one that could not start its
// threads may wait for them for ever.
int end(int exit) {
  if (!address_space_is_bounded()) return exit;
  std::fflush(nullptr);
  std::_Exit(exit);
}

}  // namespace

}  // namespace dagfusion

int main(int argc, char** argv) {
  using namespace dagfusion;
  try {
    // Before all else: there is one thread.
    if (!take_no_sandbox(argc, argv)) start_confinement(argc, argv);
    take_file_size_limit_as_error();
    return end(after_writing(run_command_line(argc, argv)));
  } catch (const std::exception& e) {  // while the arguments were read
    std::fprintf(stderr, "run-pipeline: %s\n", what_of(e));
    return end(kFailed);
  }
}
