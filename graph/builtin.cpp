#include "graph/builtin.h"

namespace dagfusion {

const NodeType& loop_head() {
  static const NodeType type{.name = "loop", .summary = "Puts out the carried values of a loop."};
  return type;
}

const NodeType& loop_tail() {
  static const NodeType type{.name = "loop_end", .summary = "Takes what a loop carries on, and puts out the last of it."};
  return type;
}

// run_pipeline: runs another pipeline file between two steps, on the weights of this run.
const NodeType& run_pipeline() {
  static const NodeType type{
      .name = "run_pipeline",
      .summary = "Runs another pipeline between two steps, on this run's weights: previews, validation.",
      .role = Role::ordered,
      .rate = Rate::step,
      .phase = Phase::read,
      .parameters = {{.name = "pipeline", .kind = Kind::text, .doc = "the file, relative to this one", .required = true},
                     {.name = "model", .kind = Kind::text, .doc = "live, or the node whose averaged weights are used",
                      .standard = std::string("live")},
                     {.name = "set", .kind = Kind::map, .doc = "values for the variables of that file"}}};
  return type;
}

}  // namespace dagfusion
