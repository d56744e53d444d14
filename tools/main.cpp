// run-pipeline: a subcommand, or a pipeline file to run.
#include <cstdio>
#include <exception>

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

}  // namespace

}  // namespace dagfusion

int main(int argc, char** argv) {
  dagfusion::take_file_size_limit_as_error();
  try {
    return dagfusion::run_command_line(argc, argv);
  } catch (const std::exception& e) {  // while the arguments were read
    std::fprintf(stderr, "run-pipeline: %s\n", dagfusion::what_of(e));
    return dagfusion::kFailed;
  }
}
