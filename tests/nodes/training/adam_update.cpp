#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

const std::vector<float> kStart = {0.5f, -1, 2, 0, 0.25f};

// The three updates of tests/golden_adam.py.
void update_three_times(StepRun& run, StepNode& node) {
  run.set("model/b", kStart);
  const std::vector<float> gradient = {1, -2, 0.5f, 0, 1e-3f};
  for (int step = 0; step < 3; ++step) {
    std::vector<float> scaled = gradient;
    for (float& g : scaled) g *= static_cast<float>(step + 1) * (step % 2 ? -1.0f : 1.0f);
    run.set_gradient("model/b", scaled);
    node.run(step + 1);
  }
}

void expect_near(const std::vector<float>& got, const std::vector<float>& wanted, float bound = 1e-6f) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], bound) << "element " << i;
}

TEST(AdamUpdate, MovesEachWeightByTheLearningRateAtFirst) {
  // t = 1: m_hat = g and v_hat = g^2, so that w moves by lr * g / |g|, whatever the size of g.
  StepRun run;
  run.set("model/a", {1, 1, 1, 1, 1, 1});
  run.set_gradient("model/a", {5, -5, 0.01f, -0.01f, 1000, 0});
  StepNode node(run, "{type: adam_update, learning_rate: 0.125}", {{"scale", 1}});
  node.run(1);
  expect_near(run.get("model/a"), {0.875f, 1.125f, 0.875f, 1.125f, 0.875f, 1});
  EXPECT_EQ(node.output("learning_rate"), 0.125f);
}

// A running average goes as far as stands in the place of its gradient, however the others are trained.
TEST(AdamUpdate, LetsRunningAveragesGoTheirWay) {
  StepRun run;
  run.table.add(WeightSpec{.path = "model/norm.running_mean", .shape = {2}});
  run.live = WeightValues(run.table.floats(), run.table.packed_bytes());
  run.sums = Buffer(run.table.floats() * sizeof(float));
  run.set("model/norm.running_mean", {1, 4});
  run.set_gradient("model/norm.running_mean", {3, 0});
  StepNode node(run, "{type: adam_update, learning_rate: 0.125, weight_decay: 0.5}", {{"scale", 0.1f}});
  node.run(1);
  EXPECT_EQ(run.get("model/norm.running_mean"), (std::vector<float>{4, 4}));
  EXPECT_FALSE(node.state().contains("model/norm.running_mean.m"));
  EXPECT_TRUE(node.state().contains("model/b.m"));
}

TEST(AdamUpdate, AgreesWithPyTorch) {
  StepRun run;
  StepNode node(run, "{type: adam_update, learning_rate: 0.1}", {{"scale", 1}});
  update_three_times(run, node);
  expect_near(run.get("model/b"), {0.402286261f, -0.902286291f, 1.90228629f, 0, 0.152287185f});
  expect_near(node.state().at("model/b.m"), {0.201f, -0.402f, 0.1005f, 0, 0.000201f});
}

TEST(AdamUpdate, AgreesWithPyTorchOnOtherBetasAndEpsilon) {
  StepRun run;
  StepNode node(run, "{type: adam_update, learning_rate: 0.1, betas: [0.8, 0.95], epsilon: 1.0e-3}");
  update_three_times(run, node);
  expect_near(run.get("model/b"), {0.403787732f, -0.903742254f, 1.90387869f, 0, 0.199512973f});
}

TEST(AdamUpdate, DecaysWeightsAsPyTorchsAdamWDoes) {
  StepRun run;
  StepNode node(run, "{type: adam_update, learning_rate: 0.1, weight_decay: 0.1}");
  update_three_times(run, node);
  expect_near(run.get("model/b"), {0.389059663f, -0.874209225f, 1.84450817f, 0, 0.14648582f});
}

// Gradients of mean 1 that never repeat, as those of batches do.
std::vector<float> noisy_gradient(int update) {
  std::vector<float> g(5);
  for (int i = 0; i < 5; ++i) g[i] = static_cast<float>(1 + 0.5 * std::sin(0.7 * update + i));
  return g;
}

TEST(AdamUpdate, FollowsTheFormulaOverManyUpdatesWhateverTheBetas) {
  for (const auto& [beta1, beta2] : {std::pair{0.9, 0.999}, {0.99, 0.9999}, {0.9, 0.99999}, {0.0, 0.5}}) {
    StepRun run;
    StepNode node(run,
                  fmt::format("{{type: adam_update, learning_rate: 1.0e-3, betas: [{}, {}]}}", beta1, beta2));
    double w = 0, m = 0, v = 0;  // element 2, by the formula in float64
    for (int t = 1; t <= 5000; ++t) {
      const std::vector<float> gradient = noisy_gradient(t);
      run.set_gradient("model/b", gradient);
      node.run(t);
      const double g = gradient[2];
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      w -= 1e-3 * (m / (1 - std::pow(beta1, t))) / (std::sqrt(v / (1 - std::pow(beta2, t))) + 1e-8);
    }
    SCOPED_TRACE(fmt::format("betas {} and {}", beta1, beta2));
    EXPECT_NEAR(node.state().at("model/b.m")[2] / m, 1, 2e-6);
    EXPECT_NEAR(node.state().at("model/b.v")[2] / v, 1, 1e-5);
    EXPECT_NEAR(run.get("model/b")[2] / w, 1, 5e-6);
  }
}

TEST(AdamUpdate, DecaysByWhatIsTooSmallForAFactorInFloat32) {
  // Each update takes 2e-6 of w = 1, where the next float32 below 1 is 6e-8 less. Gradients come in pairs that cancel.
  StepRun run;
  run.set("model/b", {1, 1, 1, 1, 1});
  StepNode node(run, "{type: adam_update, learning_rate: 2.0e-4, weight_decay: 0.01}");
  double w = 1, m = 0, v = 0;
  for (int t = 1; t <= 20000; ++t) {
    const auto g = static_cast<float>((t % 2 ? 1 : -1) * (1 + 0.5 * std::sin(0.7 * (t / 2))));
    run.set_gradient("model/b", std::vector<float>(5, g));
    node.run(t);
    w *= 1 - 2e-4 * 0.01;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= 2e-4 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  }
  EXPECT_NEAR(run.get("model/b")[0] / w, 1, 2e-5);
}

TEST(AdamUpdate, AddsEpsilonToTheUncorrectedRootWithEpsilonHat) {
  // t = 1: m = 0.1 g, v = 0.001 g^2, rate = lr * sqrt(0.001) / 0.1. With g = 1 and epsilon = sqrt(0.001) w
  // moves by lr * sqrt(0.001) / (2 * sqrt(0.001)) = lr / 2; PyTorch's form moves it by lr / (1 +
  // sqrt(0.001)). The decay takes lr * 0.5 of w = 1 before.
  StepRun run;
  run.set("model/b", {1, 1, 1, 1, 1});
  run.set_gradient("model/b", {1, 1, 1, 1, 1});
  StepNode node(
      run,
      "{type: adam_update, learning_rate: 0.1, epsilon: 0.0316227766, epsilon_hat: true, weight_decay: 0.5}");
  node.run(1);
  expect_near(run.get("model/b"), std::vector<float>(5, 1 - 0.05f - 0.05f));
  EXPECT_EQ(node.output("learning_rate"), 0.1f);
}

TEST(AdamUpdate, ScalesTheGradientBeforeAnythingElse) {
  StepRun run;
  run.set_gradient("model/b", {8, 8, 8, 8, 8});
  StepNode node(run, "{type: adam_update}", {{"scale", 0.25f}});
  node.run(1);
  expect_near(node.state().at("model/b.m"), std::vector<float>(5, 0.2f));    // 0.1 * 2
  expect_near(node.state().at("model/b.v"), std::vector<float>(5, 0.004f));  // 0.001 * 2^2
}

TEST(AdamUpdate, WarmsUpInALineFromTheFirstUpdateOn) {
  StepRun run;
  StepNode node(run, "{type: adam_update, learning_rate: 0.8, warmup_steps: 4}");
  const float wanted[] = {0.2f, 0.4f, 0.6f, 0.8f, 0.8f};
  for (int step = 1; step <= 5; ++step) {
    node.run(step);
    EXPECT_FLOAT_EQ(node.output("learning_rate"), wanted[step - 1]) << "update " << step;
  }
}

TEST(AdamUpdate, FallsAlongHalfACosineAfterTheWarmUp) {
  // Two updates of warm-up, then four of (1 + cos(pi k / 4)) / 2 for k = 0 .. 3, then nothing.
  StepRun run;
  StepNode node(run, "{type: adam_update, learning_rate: 1, warmup_steps: 2, decay_steps: 6}");
  const float wanted[] = {0.5f, 1, 1, 0.85355339f, 0.5f, 0.14644661f, 0, 0};
  for (int step = 0; step < 8; ++step) {
    node.run(step + 1);
    EXPECT_NEAR(node.output("learning_rate"), wanted[step], 1e-6f) << "update " << step + 1;
  }
}

TEST(AdamUpdate, RefusesADecayThatEndsBeforeTheWarmUpDoes) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: adam_update, warmup_steps: 100, decay_steps: 100}"); }),
            "test.yaml:1:53: node 'node' (adam_update): 'decay_steps' is 100; it must be more than the 100 "
            "warmup_steps");
}

TEST(AdamUpdate, LeavesWeightsOutsideItsPatternAlone) {
  StepRun run;
  run.set("model/a", {1, 2, 3, 4, 5, 6});
  run.set_gradient("model/a", {1, 1, 1, 1, 1, 1});
  run.set("model/b", kStart);
  run.set_gradient("model/b", {1, 1, 1, 1, 1});
  StepNode node(run, "{type: adam_update, weights: '**/b', weight_decay: 0.1}");
  node.run(1);
  EXPECT_EQ(run.get("model/a"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_NE(run.get("model/b"), kStart);
  EXPECT_EQ(node.state().count("model/a.m"), 0u);
}

TEST(AdamUpdate, GoesOnBitForBitFromItsState) {
  StepRun run, other;
  const std::string yaml = "{type: adam_update, learning_rate: 0.1, warmup_steps: 5}";
  StepNode node(run, yaml), resumed(other, yaml);
  update_three_times(run, node);
  other.set("model/b", run.get("model/b"));
  const std::vector<StateTensor> from = node.ordered().state(), to = resumed.ordered().state();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].name, to[i].name);
    std::vector<std::byte> bytes(static_cast<std::size_t>(count_of(from[i].shape)) * size_of(from[i].dtype));
    from[i].save(bytes.data());
    to[i].load(bytes.data());
  }
  other.set_gradient("model/b", {3, -6, 1.5f, 0, 3e-3f});  // the sums still hold the third step's
  node.run(4);
  resumed.run(4);
  EXPECT_EQ(run.get("model/b"), other.get("model/b"));
  EXPECT_EQ(node.output("learning_rate"), resumed.output("learning_rate"));
}

TEST(AdamUpdate, RefusesBetasThatAreNotTwo) {
  StepRun run;
  EXPECT_EQ(
      thrown([&] { StepNode(run, "{type: adam_update, betas: [0.9]}"); }),
      "test.yaml:1:28: node 'node' (adam_update): 'betas' has 1 numbers; Adam takes two, like [0.9, 0.999]");
}

TEST(AdamUpdate, RefusesABetaThatForgetsNothing) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: adam_update, betas: [0.9, 1.0]}"); }),
            "test.yaml:1:34: node 'node' (adam_update): 'betas' holds 1; each is at least 0 and below 1");
}

TEST(AdamUpdate, RefusesALearningRateOfZero) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: adam_update, learning_rate: 0}"); }),
            "test.yaml:1:36: node 'node' (adam_update): 'learning_rate' is 0; it must be above 0");
}

}  // namespace
}  // namespace dagfusion::tests
