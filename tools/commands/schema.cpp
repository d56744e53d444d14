// run-pipeline schema: the JSON Schema of pipeline files.
#include "tools/schema/schema.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/commands/commands.h"

namespace dagfusion {

int schema_command(int argc, char** argv, const Command& about) {
  Arguments arguments{
      about.help() +
          "\n\nAn editor with yaml-language-server uses it where the first line of a pipeline says\n"
          "  # yaml-language-server: $schema=pipeline.schema.json\n"
          "with the path of the schema from the pipeline.",
      "run-pipeline schema"};
  TypedPlugins plugins;
  declare_plugins(arguments, plugins);
  declare_types_of(arguments, plugins);
  return run_command(arguments, argc, argv, [&]() -> int {
    fmt::print("{}\n", pipeline_schema(plugins.types()).dump(1));
    return kDone;
  });
}

}  // namespace dagfusion
