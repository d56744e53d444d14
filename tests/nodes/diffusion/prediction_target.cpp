#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNodeOptions predicting(const std::string& what) {
  return {.sections = "diffusion: {prediction: " + what + "}", .no_gradient = {"t"}};
}

// Image 0.3 and noise -0.7 at timestep 500.
float target(const std::string& prediction) {
  OneNode node("{type: prediction_target}",
               {{"x0", {{1, 1}, {.3f}}}, {"noise", {{1, 1}, {-.7f}}}, {"t", {{1}, {500}}}},
               predicting(prediction));
  node.forward();
  return node.output("target").values[0];
}

TEST(PredictionTarget, IsTheNoiseForEpsilon) { EXPECT_EQ(target("epsilon"), -.7f); }

TEST(PredictionTarget, IsTheCleanImageForSample) { EXPECT_EQ(target("sample"), .3f); }

TEST(PredictionTarget, IsTheGoldenNumberForV) {
  // 0.2789205234 * -0.7 - 0.960314189 * 0.3
  EXPECT_NEAR(target("v"), -.4833386231, 1e-7);
}

TEST(PredictionTarget, HasTheGradientsOfFiniteDifferences) {
  for (const char* prediction : {"epsilon", "sample", "v"}) {
    SCOPED_TRACE(prediction);
    OneNode node(
        "{type: prediction_target}",
        {{"x0", gaussian({2, 2, 3, 3}, 1)}, {"noise", gaussian({2, 2, 3, 3}, 2)}, {"t", {{2}, {100, 700}}}},
        predicting(prediction));
    expect_gradients_match(node);
  }
}

TEST(PredictionTarget, RefusesAnUnknownPrediction) {
  EXPECT_EQ(
      refusal("{type: prediction_target}",
              {{"x0", numbered({1, 1})}, {"noise", numbered({1, 1})}, {"t", {{1}, {0}}}}, predicting("eps")),
      "test.yaml:1:25: section 'diffusion': 'prediction' is 'eps'; known are epsilon, sample, v, velocity, "
      "edm");
}

}  // namespace
}  // namespace dagfusion::tests
