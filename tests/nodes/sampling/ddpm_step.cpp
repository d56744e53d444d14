#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

struct Moments {
  double mean, deviation;
};

// One step of n values x = 0.5 on the linear schedule; n = 65,536 makes 5 standard errors of the
// deviation 1.4 %.
constexpr int n = 65536;

Moments moments(const std::vector<float>& values) {
  Moments found{0, 0};
  for (const double x : values) found.mean += x / n;
  for (const double x : values) found.deviation += (x - found.mean) * (x - found.mean) / n;
  found.deviation = std::sqrt(found.deviation);
  return found;
}

Moments step(float prediction, float t, float t_prev, const std::string& parameters = "",
             const std::string& section = "") {
  OneNode node("{type: ddpm_step" + parameters + "}",
               {{"x", {{1, n}, std::vector<float>(n, .5f)}},
                {"prediction", {{1, n}, std::vector<float>(n, prediction)}},
                {"t", {{1}, {t}}},
                {"t_prev", {{1}, {t_prev}}}},
               {.sections = "diffusion: {schedule: linear" + section + "}"});
  node.forward();
  return moments(node.output("prev").values);
}

void expect_moments(const Moments& found, double mean, double deviation) {
  EXPECT_NEAR(found.mean, mean, 5 * deviation / std::sqrt(n));
  EXPECT_NEAR(found.deviation, deviation, 5 * deviation / std::sqrt(2.0 * n));
}

TEST(DdpmStep, AgreesWithTheGoldenNumbers) {
  expect_moments(step(.25f, 500, 499), .4999019285, .1002563503);
  expect_moments(step(.25f, 500, 499, ", variance: fixed_large"), .4999019285, .1002993517);
  expect_moments(step(.25f, 50, 49), .4986927009, .03251429001);
  expect_moments(step(.25f, 50, 49, ", variance: fixed_large"), .4986927009, .03310583024);
}

TEST(DdpmStep, HasTheGoldenMeanExactly) {
  // The stream's noise is the same for both, so what differs is the mean:
  // clipped .5001102325, unclipped .5051663235.
  const double clipped = step(-.25f, 500, 499).mean, unclipped = step(-.25f, 500, 499, ", clip: false").mean;
  EXPECT_NEAR(unclipped - clipped, .5051663235 - .5001102325, 1e-7);
  EXPECT_NEAR(clipped - step(.25f, 500, 499).mean, .5001102325 - .4999019285, 1e-7);
}

TEST(DdpmStep, EndsInTheCleanImageWithoutNoise) {
  for (const char* variance : {"fixed_small", "fixed_large"}) {
    const Moments last = step(.25f, 0, -1, std::string(", variance: ") + variance);
    EXPECT_NEAR(last.mean, .4975248769, 1e-6);
    EXPECT_NEAR(last.deviation, 0, 1e-6);
  }
}

TEST(DdpmStep, LeavesTimestepsOutByTheRespacedBeta) {
  // 999 to 979, as "50" respaces: 1 - alpha_bar[999] / alpha_bar[979] takes the place of beta[999].
  const Moments large = step(.25f, 999, 979, ", variance: fixed_large");
  EXPECT_NEAR(large.deviation, std::sqrt(.3298090661), 5 * std::sqrt(.3298090661 / (2.0 * n)));
}

TEST(DdpmStep, TreatsAllKindsOfPredictionAlike) {
  const double v = .2789205234 * .25 - .960314189 * .9318835688, golden = step(.25f, 500, 499).mean;
  EXPECT_NEAR(step(.9318835688f, 500, 499, "", ", prediction: sample").mean, golden, 1e-7);
  EXPECT_NEAR(step(static_cast<float>(v), 500, 499, "", ", prediction: v").mean, golden, 1e-7);
}

// What the model says of the variance: both ends of the range are the two fixed ones.
Moments learned_step(const std::string& variance, float given) {
  OneNode node("{type: ddpm_step}",
               {{"x", {{1, n}, std::vector<float>(n, .5f)}},
                {"prediction", {{1, n}, std::vector<float>(n, .25f)}},
                {"variance", {{1, n}, std::vector<float>(n, given)}},
                {"t", {{1}, {500}}},
                {"t_prev", {{1}, {499}}}},
               {.sections = "diffusion: {variance: " + variance + "}"});
  node.forward();
  return moments(node.output("prev").values);
}

TEST(DdpmStep, TakesALearnedVariance) {
  const double golden = step(.25f, 500, 499).deviation;
  EXPECT_NEAR(learned_step("learned_range", -1).deviation, golden, 1e-6);
  EXPECT_NEAR(learned_step("learned_range", 1).deviation,
              step(.25f, 500, 499, ", variance: fixed_large").deviation, 1e-6);
  expect_moments(learned_step("learned_range", .3f), .4999019285, std::exp(-4.59949227 / 2));
  expect_moments(learned_step("learned", std::log(.04f)), .4999019285, .2);
}

TEST(DdpmStep, RefusesAVarianceThatTheModelDoesNotGive) {
  const auto refused = [](const std::string& section, bool wired) {
    std::map<std::string, Plain> inputs = {{"x", numbered({1, 1})},
                                           {"prediction", numbered({1, 1})},
                                           {"t", numbered({1})},
                                           {"t_prev", numbered({1})}};
    if (wired) inputs["variance"] = numbered({1, 1});
    return refusal("{type: ddpm_step}", inputs, {.sections = "diffusion: {" + section + "}"});
  };
  EXPECT_EQ(
      refused("variance: learned", false),
      "test.yaml:1:1: node 'node' (ddpm_step): input 'variance' is not wired, but 'variance' of section "
      "'diffusion' says that the model gives it; split_channels takes it out of what the model gives");
  EXPECT_EQ(refused("", true),
            "test.yaml:1:1: node 'node' (ddpm_step): input 'variance' is wired, but 'variance' of section "
            "'diffusion' "
            "is fixed; learned_range would say that the model gives it");
}

TEST(DdpmStep, RefusesToAddNoise) {
  try {
    step(.25f, 480, 480);
    FAIL() << "stepped from 480 to 480";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "t_prev is 480, which is not below t = 480; a step takes noise away");
  }
}

}  // namespace
}  // namespace dagfusion::tests
