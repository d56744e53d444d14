// run-pipeline check FILE: all faults of a file at once, and nothing is run.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/document/number.h"
#include "tools/commands/commands.h"
#include "tools/show/faults.h"
#include "tools/show/words.h"

namespace dagfusion {

void say_checked(const Checked& checked, const std::string& file) {
  fmt::print("{}: {}, {}; no fault found\n", file,
             counted(static_cast<std::int64_t>(checked.nodes.size()), "node"),
             counted(checked.weights->parameters(), "parameter"));
  for (const std::string& note : checked.notes) fmt::print("{}\n", printable(note));
}

namespace {

nlohmann::ordered_json summary(const Checked& checked, const std::string& file) {
  nlohmann::ordered_json json = {{"file", file},
                                 {"nodes", checked.nodes.size()},
                                 {"parameters", checked.weights->parameters()},
                                 {"training", checked.run.training},
                                 {"micro_batch", checked.run.micro_batch}};
  if (checked.run.training) {
    json["steps"] = checked.run.steps;
    json["batch_size"] = checked.run.batch_size;
  } else if (checked.images) {
    json["images"] = *checked.images;
  }
  return json;
}

}  // namespace

int check_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline check"};
  TypedPipeline pipeline;
  bool json = false;
  pipeline.declare(arguments);
  arguments.flag("--json", json, "one object for a good file, an array of faults for another");
  return run_command(arguments, argc, argv, [&]() -> int {
    try {
      const Checked checked = plan_file(pipeline.invocation()).checked;
      if (json)
        fmt::print("{}\n", summary(checked, pipeline.file).dump(2));
      else
        say_checked(checked, pipeline.file);
      return kDone;
    } catch (const UserError& e) {
      if (!json) throw;
      fmt::print("{}\n", faults_json(e).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
      return kUserError;
    }
  });
}

}  // namespace dagfusion
