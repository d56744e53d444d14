#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

struct Step {
  float prev, x0;
};

// One step of a single value x = 0.5 on the linear schedule.
Step step(float prediction, float t, float t_prev, const std::string& parameters = "",
          const std::string& section = "") {
  OneNode node("{type: ddim_step" + parameters + "}",
               {{"x", {{1, 1}, {.5f}}},
                {"prediction", {{1, 1}, {prediction}}},
                {"t", {{1}, {t}}},
                {"t_prev", {{1}, {t_prev}}}},
               {.sections = "diffusion: {schedule: linear" + section + "}"});
  node.forward();
  return {node.output("prev").values[0], node.output("x0").values[0]};
}

TEST(DdimStep, AgreesWithTheGoldenNumbers) {
  EXPECT_NEAR(step(.25f, 500, 480).prev, .5248732167, 1e-7);
  EXPECT_NEAR(step(.45f, 500, 480).prev, .5030579699, 1e-7);
  EXPECT_NEAR(step(.25f, 500, 480).x0, .9318835688, 1e-6);
}

TEST(DdimStep, TakesNoiseFromTheClippedImageUnlessToldToKeepIt) {
  // epsilon = -0.25 stands for x0 = 2.65, clipped to 1.
  EXPECT_NEAR(step(-.25f, 500, 480).prev, .5270312053, 1e-7);
  EXPECT_NEAR(step(-.25f, 500, 480, ", rederive: false").prev, .07016165273, 1e-7);
  EXPECT_EQ(step(-.25f, 500, 480).x0, 1);
}

TEST(DdimStep, ClipsToTheRangeGivenOrNotAtAll) {
  EXPECT_NEAR(step(-.25f, 500, 480, ", clip: false").x0, 2.653367125, 2e-6);
  EXPECT_EQ(step(-.25f, 500, 480, ", clip_range: 1.5").x0, 1.5);
}

TEST(DdimStep, WithEtaOneAddsAsMuchNoiseAsDdpm) {
  // Golden means .5004089842 and .4590223514; the noise has deviation .4202654331. n = 524,288 values make
  // five standard errors of the deviation 0.5 %.
  constexpr int n = 1 << 19;
  for (const auto& [prediction, mean] : {std::pair{.25f, .5004089842}, {.45f, .4590223514}}) {
    OneNode node("{type: ddim_step, eta: 1}",
                 {{"x", {{1, n}, std::vector<float>(n, .5f)}},
                  {"prediction", {{1, n}, std::vector<float>(n, prediction)}},
                  {"t", {{1}, {500}}},
                  {"t_prev", {{1}, {480}}}},
                 {.sections = "diffusion: {schedule: linear}"});
    node.forward();
    double sum = 0, square = 0;
    for (const double x : node.output("prev").values) {
      sum += x / n;
      square += (x - mean) * (x - mean) / n;
    }
    EXPECT_NEAR(sum, mean, 5 * .4202654331 / std::sqrt(n));
    EXPECT_NEAR(std::sqrt(square), .4202654331, 5 * .4202654331 / std::sqrt(2.0 * n));
  }
}

TEST(DdimStep, DrawsAnewInEveryIteration) {
  OneNode node("{type: ddim_step, eta: 1}",
               {{"x", {{1, 1}, {.5f}}},
                {"prediction", {{1, 1}, {.25f}}},
                {"t", {{1}, {500}}},
                {"t_prev", {{1}, {480}}}},
               {.sections = "diffusion: {schedule: linear}"});
  node.at(3, 0);
  node.forward();
  const float first = node.output("prev").values[0];
  node.at(3, 1);
  node.forward();
  EXPECT_NE(node.output("prev").values[0], first);
  node.at(3, 0);
  node.forward();
  EXPECT_EQ(node.output("prev").values[0], first);
}

TEST(DdimStep, EndsInTheCleanImage) {
  const Step last = step(.25f, 50, -1, ", eta: 1");
  EXPECT_EQ(last.prev, last.x0);
  EXPECT_NEAR(last.prev, .4636833684, 1e-7);
}

TEST(DdimStep, TreatsAllKindsOfPredictionAlike) {
  // epsilon = 0.25 at x = 0.5, t = 500 is x0 = .9318835688 and v = sqrt(a) * 0.25 - sqrt(1 - a) * x0.
  const double v = .2789205234 * .25 - .960314189 * .9318835688;
  EXPECT_NEAR(step(.9318835688f, 500, 480, "", ", prediction: sample").prev, .5248732167, 2e-7);
  EXPECT_NEAR(step(static_cast<float>(v), 500, 480, "", ", prediction: v").prev, .5248732167, 2e-7);
}

TEST(DdimStep, RefusesToAddNoise) {
  try {
    step(.25f, 480, 500);
    FAIL() << "stepped from 480 to 500";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "t_prev is 500, which is not below t = 480; a step takes noise away");
  }
}

TEST(DdimStep, RefusesEtaAboveOne) {
  EXPECT_EQ(refusal("{type: ddim_step, eta: 1.5}",
                    {{"x", numbered({1, 1})},
                     {"prediction", numbered({1, 1})},
                     {"t", {{1}, {1}}},
                     {"t_prev", {{1}, {0}}}},
                    {.sections = "diffusion: {schedule: linear}"}),
            "test.yaml:1:24: node 'node' (ddim_step): 'eta' is 1.5; it must be between 0 and 1");
}

}  // namespace
}  // namespace dagfusion::tests
