// guide is the same as two calls of the model and a node guidance, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// Five images of three classes, drawn in four steps by a model as it starts; `nodes` give `out`.
std::string drawn_with(const std::string& nodes) {
  const ScratchFolder folder;
  const std::string yaml = R"(run: {seed: 3, micro_batch: 2}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, groups: 4, classes: 10,
        inside: {conv_out: {init_scale: 1.0}}}
nodes:
  digits: {type: drawn_digits, size: 16}
  number: {type: image_numbers, count: 5}
  label: {type: labels, in: number, list: [3, none, 7]}
  x0: {type: to_signed, in: digits}
  xT: {type: gaussian_noise, in: x0}
  denoise:
    loop:
      each: {type: ddim_timesteps, steps: 4}
      carry: {x: xT}
      nodes:
)" + nodes + R"(        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}
      next: {x: prev}
  file: {type: npy_writer, in: denoise.x, path: x.npy}
)";
  run_in(folder.path(), yaml);
  return file_text(folder.path() / "x.npy");
}

const std::string kConditional = "        with: {type: model, in: {x: carry.x, t: each.t, label: label}}\n";

std::string guide(const std::string& settings) {
  return "        out: {type: guide, in: {x: carry.x, each: each, label: label}, " + settings + "}\n";
}

TEST(Guided, IsTwoCallsOfTheModelAndGuidance) {
  for (const std::string settings :
       {"scale: 3", "scale: 3, rescale: 0.7, method: apg", "scale: 2, method: zero_star, zero_steps: 1"})
    EXPECT_EQ(drawn_with(guide(settings)),
              drawn_with(kConditional +
                         "        without: {type: model, in: {x: carry.x, t: each.t}}\n"
                         "        out: {type: guidance, in: {conditional: with, unconditional: without, "
                         "index: each.index}, " +
                         settings + "}\n"));
}

TEST(Guided, IsTheConditionalCallAloneAtScaleOneAndOutsideTheInterval) {
  const std::string alone =
      drawn_with("        out: {type: model, in: {x: carry.x, t: each.t, label: label}}\n");
  EXPECT_EQ(drawn_with(guide("scale: 3, interval: [1.0e+6, 2.0e+6]")), alone);
  EXPECT_EQ(drawn_with(guide("scale: 1")), alone);
  EXPECT_TRUE(drawn_with(guide("scale: 3")) != alone);
}

TEST(Guided, ActsInsideTheIntervalOnly) {
  const std::string everywhere = drawn_with(guide("scale: 3, interval: [0, 1.0e+6]"));
  EXPECT_EQ(everywhere, drawn_with(guide("scale: 3")));
  EXPECT_TRUE(drawn_with(guide("scale: 3, interval: [0.5, 2]")) != everywhere);
}

}  // namespace
}  // namespace dagfusion::tests
