#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

// 1 + 4 + 4 of "a", 16 + 144 of "b": the length is sqrt(169) = 13.
void give_gradients(StepRun& run) {
  run.set_gradient("model/a", {1, 0, -2, 0, 2, 0});
  run.set_gradient("model/b", {4, 0, 0, -12, 0});
}

TEST(ClipGradients, MeasuresAllWeightsTogetherAndScalesDownToTheNorm) {
  StepRun run;
  give_gradients(run);
  StepNode clip(run, "{type: clip_gradients, clip_norm: 6.5}");
  clip.run(1);
  EXPECT_FLOAT_EQ(clip.output("grad_norm"), 13);
  EXPECT_FLOAT_EQ(clip.output("scale"), static_cast<float>(6.5 / (13 + 1e-6)));
}

TEST(ClipGradients, NeverScalesUp) {
  StepRun run;
  give_gradients(run);
  StepNode clip(run, "{type: clip_gradients, clip_norm: 20}");
  clip.run(1);
  EXPECT_EQ(clip.output("scale"), 1);
}

TEST(ClipGradients, OnlyMeasuresWhenTheNormIsZero) {
  StepRun run;
  give_gradients(run);
  StepNode clip(run, "{type: clip_gradients}");
  clip.run(1);
  EXPECT_FLOAT_EQ(clip.output("grad_norm"), 13);
  EXPECT_EQ(clip.output("scale"), 1);
}

TEST(ClipGradients, LooksAtTheWeightsOfItsPatternOnly) {
  StepRun run;
  give_gradients(run);
  StepNode clip(run, "{type: clip_gradients, weights: '**/a'}");
  clip.run(1);
  EXPECT_FLOAT_EQ(clip.output("grad_norm"), 3);  // sqrt(1 + 4 + 4)
}

TEST(ClipGradients, LeavesOutWhatIsNotTrained) {
  StepRun run;
  run.table.add(WeightSpec{.path = "model/norm.running_var", .shape = {1}});
  run.sums = Buffer(run.table.floats() * sizeof(float));
  give_gradients(run);
  StepNode clip(run, "{type: clip_gradients, weights: '**'}");
  clip.run(1);
  const float before = clip.output("grad_norm");
  run.set_gradient("model/norm.running_var", {1000});
  clip.run(2);
  EXPECT_EQ(clip.output("grad_norm"), before);
}

TEST(ClipGradients, GivesTheSameBitsEveryTime) {
  StepRun run;
  run.table.add(WeightSpec{.path = "model/large", .shape = {300, 1000}});  // several chunks
  run.sums = Buffer(run.table.floats() * sizeof(float));
  const std::span<float> gradients = run.gradients();
  const auto key = stream_key(1, "gradients");
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    gradients[i] = uniform01(RandomStream{key}.block(static_cast<std::uint32_t>(i))[0]) - 0.5f;
  }
  StepNode clip(run, "{type: clip_gradients}");
  clip.run(1);
  const float first = clip.output("grad_norm");
  EXPECT_NEAR(first, std::sqrt(300e3 / 12), 0.5);  // a uniform number's variance is 1/12
  for (int again = 0; again < 20; ++again) {
    clip.run(again + 2);
    ASSERT_EQ(clip.output("grad_norm"), first);
  }
}

TEST(ClipGradients, NamesTheFirstWeightWhoseGradientIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    StepRun run;
    give_gradients(run);
    run.set_gradient("model/b", {1, 2, bad, 4, 5});
    StepNode clip(run, "{type: clip_gradients, clip_norm: 1}");
    EXPECT_EQ(thrown([&] { clip.run(1); }),
              "the gradient of 'model/b' is not finite; a lower learning_rate or more warmup_steps may help");
  }
}

TEST(ClipGradients, RefusesANormBelowZero) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: clip_gradients, clip_norm: -1}"); }),
            "test.yaml:1:35: node 'node' (clip_gradients): 'clip_norm' is -1; it must be at least 0");
}

}  // namespace
}  // namespace dagfusion::tests
