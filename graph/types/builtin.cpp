#include "graph/types/builtin.h"

#include <cstring>

namespace dagfusion {

const NodeType& loop_head() {
  static const NodeType type{.name = "loop", .summary = "Puts out the carried values of a loop."};
  return type;
}

const NodeType& loop_tail() {
  static const NodeType type{.name = "loop_end",
                             .summary = "Takes what a loop carries on, and puts out the last of it."};
  return type;
}

// run_pipeline: runs another pipeline file between two steps, on the weights of this run.
const NodeType& run_pipeline() {
  static const NodeType type{
      .name = "run_pipeline",
      .summary = "Runs another pipeline between two steps, on this run's weights: previews, validation.",
      .group = "training",
      .example = "{type: run_pipeline, pipeline: sample.yaml, model: ema, set: {count: 16}, every: 1000}",
      .role = Role::ordered,
      .rate = Rate::step,
      .phase = Phase::read,
      .parameters = {
          {.name = "pipeline", .kind = Kind::text, .doc = "the file, relative to this one", .required = true},
          {.name = "model",
           .kind = Kind::text,
           .doc = "live, or the node whose averaged weights are used",
           .standard = std::string("live")},
          {.name = "set", .kind = Kind::map, .doc = "values for the variables of that file"}}};
  return type;
}

Choose::Choose(Setup& setup)
    : in_(setup.input("in")),
      otherwise_(setup.input("otherwise")),
      out_(setup.output("out", in_.spec.shape, in_.spec.dtype)) {}

void Choose::forward(Call& call) const {
  std::memcpy(call.out<std::byte>(out_), call.in<std::byte>(in_), out_.spec.bytes());
}

void Choose::otherwise(Call& call) const {
  if (otherwise_.connected())
    std::memcpy(call.out<std::byte>(out_), call.in<std::byte>(otherwise_), out_.spec.bytes());
  else
    std::memset(call.out<std::byte>(out_), 0, out_.spec.bytes());
}

const NodeType& choose() {
  static const NodeType type{.name = "choose",
                             .summary = "Hands on what a node under `when` gave, or what stands in for it.",
                             .inputs = {{"in", "[...] any free", "the node's value"},
                                        {.name = "otherwise",
                                         .spec = "[...] any free",
                                         .doc = "what stands in for it",
                                         .optional = true}},
                             .outputs = {{"out", "[...] any free", "one of the two"}},
                             .create = make_node<Choose>};
  return type;
}

}  // namespace dagfusion
