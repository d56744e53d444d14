// How training draws times: the distributions, and how the images of a batch share them.
#include "nodes/diffusion/time_draws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::vector<float> draws(const std::string& node, const std::string& section, int n = 4000) {
  OneNode made("{type: " + node + "}", {{"like", numbered({n, 1})}},
               {.sections = "diffusion: {" + section + "}"});
  made.forward();
  return made.output("t").values;
}

double share_below(const std::vector<float>& values, double bound) {
  return std::count_if(values.begin(), values.end(), [&](float v) { return v < bound; }) /
         double(values.size());
}

TEST(TimeDraws, KnowsTheQuantilesOfTheNormalDistribution) {
  EXPECT_NEAR(normal_quantile(.5), 0, 1e-15);
  EXPECT_NEAR(normal_quantile(.975), 1.959963984540054, 1e-13);
  EXPECT_NEAR(normal_quantile(.001), -3.090232306167813, 1e-12);
  EXPECT_NEAR(normal_quantile(1e-15), -7.941345326170997, 1e-9);
}

TEST(TimeDraws, LognormalSigmasHaveTheirMedianAndSpread) {
  // stratified draws of 4000 images leave 1/4000 to chance
  const std::vector<float> sigma = draws("lognormal_sigmas, pairing: stratified", "process: edm");
  EXPECT_NEAR(share_below(sigma, .3011942119), .5, 3e-4);  // exp(-1.2)
  EXPECT_NEAR(share_below(sigma, 1), .8413447461, 3e-4);   // one deviation above
  const std::vector<float> on_flow =
      draws("lognormal_sigmas, pairing: stratified", "process: flow, prediction: velocity");
  EXPECT_NEAR(share_below(on_flow, .2314752165), .5, 3e-4);
}

TEST(TimeDraws, LogitNormalTimestepsHaveTheGoldenDensity) {
  const std::vector<float> t =
      draws("logit_normal_timesteps, pairing: stratified", "process: flow, prediction: velocity", 4096);
  const auto density = [&](double at) { return (share_below(t, at + .02) - share_below(t, at - .02)) / .04; };
  EXPECT_NEAR(density(.5), 1.595769122, .01);
  EXPECT_NEAR(density(.25), 1.163652098, .01);
  EXPECT_NEAR(density(.1), .3965747044, .02);
}

TEST(TimeDraws, ModeTimestepsHaveTheGoldenQuantiles) {
  // t falls with u: a quarter of the draws lies above t(u = 1/4)
  const std::vector<float> t =
      draws("mode_timesteps, pairing: stratified", "process: flow, prediction: velocity");
  EXPECT_NEAR(share_below(t, .6164161261), .75, 3e-4);
  EXPECT_NEAR(share_below(t, .5), .5, 3e-4);
  EXPECT_NEAR(share_below(t, .3835838739), .25, 3e-4);
}

TEST(TimeDraws, UniformDrawsSpanTheTimesOfEveryProcess) {
  EXPECT_NEAR(
      share_below(draws("uniform_timesteps, pairing: stratified", "process: flow, prediction: velocity"), .3),
      .3, 3e-4);
  EXPECT_NEAR(share_below(draws("uniform_timesteps, pairing: stratified", "process: vp"), .3), .3, 3e-4);
  EXPECT_NEAR(share_below(draws("uniform_timesteps, pairing: stratified", "process: ve"), std::sqrt(2)), .5,
              3e-4);
}

TEST(TimeDraws, AntitheticImagesAreMirrored) {
  const std::vector<float> t = draws("uniform_timesteps, pairing: antithetic", "timesteps: 1000", 100);
  for (int i = 0; i < 100; i += 2) EXPECT_EQ(t[i] + t[i + 1], 999);
}

TEST(TimeDraws, StratifiedImagesTakeOneTimeFromEachPart) {
  std::vector<float> t = draws("uniform_timesteps, pairing: stratified", "timesteps: 1000", 100);
  EXPECT_FALSE(std::is_sorted(t.begin(), t.end()) && t[0] < 10);
  std::sort(t.begin(), t.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(std::floor(t[i] / 10), i);
}

TEST(TimeDraws, ShiftMultipliesTheNoise) {
  const std::string flow = "process: flow, prediction: velocity";
  const std::vector<float> plain = draws("uniform_timesteps", flow, 50),
                           shifted = draws("uniform_timesteps, shift: 3", flow, 50);
  for (int i = 0; i < 50; ++i) EXPECT_NEAR(shifted[i], 3 * plain[i] / (1 + 2 * plain[i]), 1e-6);
}

TEST(TimeDraws, SplittingABatchIntoFramesChangesNothing) {
  for (const char* pairing : {"independent", "antithetic", "stratified"}) {
    OneNodeOptions options{.training = true, .batch_size = 8, .sections = "diffusion: {}"};
    const std::string yaml = std::string("{type: uniform_timesteps, pairing: ") + pairing + "}";
    OneNode whole(yaml, {{"like", numbered({8, 1})}}, options),
        part(yaml, {{"like", numbered({1, 1})}}, options);
    whole.at(16);
    whole.forward();
    for (int i = 0; i < 8; ++i) {
      part.at(16 + i);
      part.forward();
      EXPECT_EQ(part.output("t").values[0], whole.output("t").values[i]);
    }
  }
}

}  // namespace
}  // namespace dagfusion::tests
