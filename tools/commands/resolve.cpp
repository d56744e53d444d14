// run-pipeline resolve FILE: the pipeline with all it extends,
// its variables put in, and where each value came from.
#include <fmt/format.h>

#include "tools/commands/commands.h"

namespace dagfusion {

int resolve_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline resolve"};
  TypedPipeline pipeline;
  bool plain = false;
  pipeline.declare(arguments);
  arguments.flag("--plain", plain, "without the origins");
  return run_command(arguments, argc, argv, [&] {
    const Tree file = read_file(pipeline.invocation());
    fmt::print("{}", plain ? write_document(file) : write_with_origins(file));
    return static_cast<int>(kDone);
  });
}

}  // namespace dagfusion
