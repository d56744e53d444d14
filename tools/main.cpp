// run-pipeline: a subcommand, or a pipeline file to run.
#include "tools/commands/commands.h"

int main(int argc, char** argv) {
  using namespace dagfusion;
  if (argc > 1)
    for (const Command& command : commands())
      if (command.name == argv[1]) return command.run(argc - 1, argv + 1, command);
  return run_pipeline_command(argc, argv);
}
