// adam: trains the weights that lead to the value it minimizes.
// Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.
//
//   clip (clip_gradients) -> update (adam_update) -> pack (pack_weights)
//
// The formulas stand in those files.

#include "graph/types/catalog.h"
#include "nodes/training/adam_parameters.h"

namespace dagfusion {
namespace {

void expand(Builder& build) {
  const Parameters& given = build.parameters();
  const Wire scale =
      build.add("clip", "clip_gradients", {},
                {{"clip_norm", given.setting("clip_norm")}, {"weights", given.setting("weights")}});
  std::map<std::string, Setting> settings;
  for (const Parameter& parameter : adam_parameters()) {
    settings[parameter.name] = given.setting(parameter.name);
  }
  const Wire rate = build.add("update", "adam_update", {{"scale", scale}}, settings);
  build.add("pack", "pack_weights", {{"after", rate}});
  build.output("grad_norm", build.port(scale, "grad_norm"));
  build.output("learning_rate", rate);
}

}  // namespace

NodeType adam() {
  std::vector<Parameter> parameters = adam_parameters();
  parameters.push_back({.name = "clip_norm",
                        .kind = Kind::real,
                        .doc = "longest gradient that is let through, all weights together; 0 = any",
                        .standard = 0.0,
                        .minimum = 0});
  return {
      .name = "adam",
      .summary = "Trains the weights that lead to the value it minimizes.",
      .stands_for = {"optimiser"},
      .paper = "Kingma, Ba 2014, arXiv:1412.6980",
      .example = "{type: adam, minimize: loss, learning_rate: 2.0e-4, warmup_steps: 5000, clip_norm: 1.0}",
      .role = Role::composite,
      .rate = Rate::step,
      .phase = Phase::write,
      .outputs = {{"grad_norm", "[] f32", "length of the gradient before clipping"},
                  {"learning_rate", "[] f32", "rate of this update, after warm-up"}},
      .parameters = std::move(parameters),
      .minimizes = true,
      .expand = expand};
}

}  // namespace dagfusion
