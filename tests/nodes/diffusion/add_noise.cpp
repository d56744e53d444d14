#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}", .no_gradient = {"t"}};

TEST(AddNoise, AgreesWithTheGoldenNumber) {
  // 0.3 * sqrt(alpha_bar[500]) - 0.7 * sqrt(1 - alpha_bar[500]) = 0.3 * 0.2789205234 - 0.7 * 0.960314189
  OneNode node("{type: add_noise}",
               {{"x0", {{1, 1}, {.3f}}}, {"noise", {{1, 1}, {-.7f}}}, {"t", {{1}, {500}}}}, kLinear);
  node.forward();
  EXPECT_NEAR(node.output("xt").values[0], -.5885437753, 1e-7);
}

TEST(AddNoise, MixesEachImageByItsOwnTimestep) {
  // beta = 0.5 everywhere: alpha_bar = 0.5 at t = 0 and 0.25 at t = 1.
  // t = 1: sqrt(0.25) * 4 + sqrt(0.75) * 2 = 2 + 1.7320508; t = 0: sqrt(0.5) * (4 + 2) = 4.2426407
  OneNode node(
      "{type: add_noise}",
      {{"x0", {{2, 1, 1, 2}, {4, 4, 4, 4}}}, {"noise", {{2, 1, 1, 2}, {2, 2, 2, 2}}}, {"t", {{2}, {1, 0}}}},
      {.sections = "diffusion: {schedule: const, beta_end: 0.5, timesteps: 10}"});
  node.forward();
  const std::vector<float> xt = node.output("xt").values;
  for (int i = 0; i < 2; ++i) EXPECT_NEAR(xt[i], 3.7320508, 1e-6);
  for (int i = 2; i < 4; ++i) EXPECT_NEAR(xt[i], 4.2426407, 1e-6);
}

TEST(AddNoise, HasTheGradientsOfFiniteDifferences) {
  OneNode node(
      "{type: add_noise}",
      {{"x0", gaussian({3, 2, 4, 4}, 1)}, {"noise", gaussian({3, 2, 4, 4}, 2)}, {"t", {{3}, {0, 400, 999}}}},
      kLinear);
  expect_gradients_match(node);
}

TEST(AddNoise, RefusesATimeThatIsNone) {
  OneNode node("{type: add_noise}", {{"x0", {{1, 1}, {0}}}, {"noise", {{1, 1}, {0}}}, {"t", {{1}, {1000}}}},
               kLinear);
  try {
    node.forward();
    FAIL() << "took t = 1000";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "t is 1000, but the times of 'process' discrete go from 0 to 999");
  }
}

}  // namespace
}  // namespace dagfusion::tests
