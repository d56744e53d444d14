// run-pipeline: a subcommand, or a pipeline file to run.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "graph/values/what_of.h"
#include "tools/commands/commands.h"
#include "tools/launch/exit.h"
#include "tools/launch/stop_signals.h"

namespace dagfusion {

namespace {

int run_command_line(int argc, char** argv) {
  if (argc > 1)
    for (const Command& command : commands())
      if (command.name == argv[1]) return command.run(argc - 1, argv + 1, command);
  return run_pipeline_command(argc, argv);
}

// oneTBB starts further threads from threads of its own, where nobody can catch that there was no room for one.
// What is on the disk is whole at any time; so the process ends here, and says why.
[[noreturn]] void end_in_words() noexcept {
  static std::atomic_flag said;
  if (said.test_and_set())
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

}  // namespace

}  // namespace dagfusion

int main(int argc, char** argv) {
  dagfusion::take_file_size_limit_as_error();
  std::set_terminate(dagfusion::end_in_words);
  try {
    return dagfusion::run_command_line(argc, argv);
  } catch (const std::exception& e) {  // while the arguments were read
    std::fprintf(stderr, "run-pipeline: %s\n", dagfusion::what_of(e));
    return dagfusion::kFailed;
  }
}
