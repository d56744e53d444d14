// uncertainty_loss, and its parts fourier_features and weigh_by_uncertainty.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// L = 0.25 and u = ln L: 1 + ln L.
TEST(WeighByUncertainty, AgreesWithTheGoldenNumber) {
  OneNode weighed("{type: weigh_by_uncertainty}",
                  {{"per_image", {{2}, {.25f, .5f}}}, {"u", {{2, 1}, {std::log(.25f), 0}}}});
  weighed.forward();
  EXPECT_NEAR(weighed.output("per_image").values[0], -.3862943611, 1e-7);
  EXPECT_EQ(weighed.output("per_image").values[1], .5f);
  EXPECT_NEAR(weighed.output("loss").values[0], (-.3862943611 + .5) / 2, 1e-7);
}

TEST(WeighByUncertainty, HasTheGradientsOfFiniteDifferences) {
  Plain losses = gaussian({6}, 1);
  for (float& loss : losses.values) loss = std::fabs(loss);
  OneNode weighed("{type: weigh_by_uncertainty}", {{"per_image", losses}, {"u", gaussian({6, 1}, 2)}});
  expect_gradients_match(weighed, {.h = 1e-3});
}

TEST(WeighByUncertainty, IsLeastWhereUIsTheLogarithmOfTheLoss) {
  OneNode weighed("{type: weigh_by_uncertainty}",
                  {{"per_image", {{1}, {.25f}}}, {"u", {{1, 1}, {std::log(.25f)}}}});
  weighed.forward();
  weighed.backward({{"loss", {{}, {1}}}});
  EXPECT_NEAR(weighed.d_input("u").values[0], 0, 1e-6);
  EXPECT_NEAR(weighed.d_input("per_image").values[0], 4, 1e-5);
}

TEST(WeighByUncertainty, LeavesOutImagesThatOnlyFillUpTheFrame) {
  OneNode weighed("{type: weigh_by_uncertainty}", {{"per_image", {{2}, {1, 9}}}, {"u", {{2, 1}, {0, 0}}}});
  weighed.at(0, 0, 1);
  weighed.forward();
  EXPECT_EQ(weighed.output("loss").values[0], 1);
}

TEST(WeighByUncertainty, RefusesWhatIsNotANumber) {
  OneNode weighed("{type: weigh_by_uncertainty}", {{"per_image", {{1}, {1}}}, {"u", {{1, 1}, {-200}}}});
  EXPECT_EQ(thrown([&] { weighed.forward(); }), "loss is inf");
}

std::vector<float> features(std::vector<float> t, const std::string& section,
                            const std::string& parameters = "") {
  const auto count = static_cast<std::int64_t>(t.size());
  OneNode node("{type: fourier_features" + parameters + "}", {{"t", {{count}, std::move(t)}}},
               {.sections = "diffusion: {" + section + "}"});
  node.forward();
  return node.output("y").values;
}

TEST(FourierFeatures, HaveAMeanSquareOfOne) {
  double square = 0;
  const std::vector<float> y = features({1}, "process: edm", ", dim: 4096");
  for (const double value : y) square += value * value / 4096;
  EXPECT_NEAR(square, 1, 5 * .707 / 64);
}

// The noise counts, not what the process calls its time: sigma / alpha = 1 half way on a flow.
TEST(FourierFeatures, GoByTheNoiseAlone) {
  EXPECT_EQ(features({1}, "process: edm"), features({.5f}, "process: flow, prediction: velocity"));
  EXPECT_NE(features({1}, "process: edm"), features({2}, "process: edm"));
  EXPECT_NE(features({1}, "process: edm"), features({1}, "process: edm", ", seed: 1"));
}

TEST(FourierFeatures, StayFiniteWithoutAnyImageLeft) {
  for (const float value : features({1}, "process: flow, prediction: velocity"))
    EXPECT_TRUE(std::isfinite(value));
}

std::string uncertain(std::int64_t steps) {
  std::string yaml = small_training(steps, steps);
  yaml.replace(yaml.find("minimize: loss"), 14, "minimize: weighed");
  return yaml + "  weighed: {type: uncertainty_loss, in: {per_image: loss.per_image, t: t}}\n";
}

// The weights of a checkpoint for the model of another pipeline.
void load_for(const std::string& yaml, const std::filesystem::path& run) {
  const Checked checked =
      check(parse_document(yaml, "test.yaml"), catalog(), {.channel_block = channel_block()});
  std::vector<std::string> passed_over;
  WeightValues values(checked.weights->floats(), checked.weights->packed_bytes());
  load_weights(open_checkpoint(run, passed_over), "ema", *checked.weights, values);
}

TEST(UncertaintyLoss, LeavesNothingBehindInTheModel) {
  const ScratchFolder scratch;
  run_in(scratch.path(), uncertain(2));
  EXPECT_EQ(thrown([&] { load_for(small_training(2), scratch.path()); }), "");
  std::string smaller = small_training(2);
  smaller.replace(smaller.find("attention_at: [8]"), 17, "attention_at: []");
  EXPECT_NE(thrown([&] { load_for(smaller, scratch.path()); }).find("has no place here"), std::string::npos);
}

// Without a gradient of the model's own u would go to the logarithm of the loss; it is on its way there.
TEST(UncertaintyLoss, LearnsHowLargeTheLossIs) {
  const ScratchFolder scratch;
  std::string yaml = uncertain(30);
  yaml.replace(yaml.find("learning_rate: 2.0e-3"), 21, "learning_rate: 1.0e-2");
  yaml.replace(yaml.find("loss: loss, grad_norm"), 21, "loss: loss, weighed: weighed, grad_norm");
  run_in(scratch.path(), yaml);
  std::istringstream lines(log_without_seconds(scratch.path()));
  std::string line;
  std::getline(lines, line);
  double loss = 0, weighed = 0;
  for (int row = 0; std::getline(lines, line); ++row) {
    double step, images, grad_norm;
    ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf,%lf", &step, &images, &grad_norm, &loss, &weighed),
              5);
    if (row == 0) {
      EXPECT_NEAR(weighed, loss, 1e-5);
    }
  }
  EXPECT_LT(weighed, loss - .01);               // loss / e^u + u with another u than 0
  EXPECT_GT(weighed, 1 + std::log(loss) - .2);  // the least there is
}

}  // namespace
}  // namespace dagfusion::tests
