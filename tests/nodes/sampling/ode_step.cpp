#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kFlow = {.sections = "diffusion: {process: flow, prediction: velocity}"},
                     kVe = {.sections = "diffusion: {process: ve, prediction: epsilon}"};
const Plain kX{{1, 2}, {1, -2}}, kPrediction{{1, 2}, {.5f, 3}};

// x = 1, velocity 0.5 at t = 1/4: x0 = 0.875, e = 1.375; y = 4/3, k from 1/3 to 3.
TEST(OdeStep, GoesAlongTheNoiseOfAFlow) {
  OneNode step("{type: ode_step}",
               {{"x", kX}, {"prediction", kPrediction}, {"t", {{1}, {.25f}}}, {"t_next", {{1}, {.75f}}}},
               kFlow);
  step.forward();
  EXPECT_NEAR(step.output("next").values[0], .25 * (4 / 3. + 8 / 3. * 1.375), 1e-6);
  EXPECT_NEAR(step.output("next").values[1], .25 * (-8 / 3. + 8 / 3. * .25), 1e-6);
  EXPECT_EQ(step.output("t").values[0], .75f);
}

TEST(OdeStep, GoesToCleanImagesToo) {
  OneNode step("{type: ode_step}",
               {{"x", kX}, {"prediction", kPrediction}, {"t", {{1}, {2}}}, {"t_next", {{1}, {0}}}}, kVe);
  step.forward();
  EXPECT_NEAR(step.output("next").values[0], 0, 1e-6);   // 1 - 2 * 0.5
  EXPECT_NEAR(step.output("next").values[1], -8, 1e-6);  // -2 - 2 * 3
}

TEST(OdeStep, GoesAPartOfTheWay) {
  OneNode step("{type: ode_step, share: 0.5}",
               {{"x", kX}, {"prediction", kPrediction}, {"t", {{1}, {2}}}, {"t_next", {{1}, {4}}}}, kVe);
  step.forward();
  EXPECT_NEAR(step.output("next").values[0], 1.5, 1e-6);  // 1 + 1 * 0.5
  EXPECT_NEAR(step.output("t").values[0], 3, 1e-6);
}

TEST(OdeStep, TakesTheSlopeElsewhere) {
  OneNode step("{type: ode_step}",
               {{"x", kX},
                {"prediction", {{1, 2}, {0, .5f}}},
                {"t", {{1}, {2}}},
                {"t_next", {{1}, {4}}},
                {"at", {{1, 2}, {3, 6}}},
                {"t_at", {{1}, {3}}}},
               {.sections = "diffusion: {process: ve, prediction: sample}"});
  step.forward();
  EXPECT_NEAR(step.output("next").values[0], 1 + 2 * 1, 1e-6);          // (3 - 0) / 3
  EXPECT_NEAR(step.output("next").values[1], -2 + 2 * 5.5 / 3., 1e-6);  // (6 - 0.5) / 3
}

TEST(OdeStep, RefusesAnImageWithoutATime) {
  EXPECT_EQ(
      refusal("{type: ode_step}",
              {{"x", kX},
               {"prediction", kPrediction},
               {"t", {{1}, {.25f}}},
               {"t_next", {{1}, {.75f}}},
               {"at", kX}},
              kFlow),
      "test.yaml:1:1: node 'node' (ode_step): input 'at' is wired, but 't_at' is not; the slope is taken at "
      "both");
}

TEST(OdeStep, SaysWhereThereIsNoSlope) {
  OneNode step("{type: ode_step}",
               {{"x", kX}, {"prediction", kPrediction}, {"t", {{1}, {900}}}, {"t_next", {{1}, {999}}}},
               {.sections = "diffusion: {zero_terminal_snr: true, prediction: v}"});
  try {
    step.forward();
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(),
                 "t is 999, where nothing of the image is left and the ODE has no slope; 'spacing' karras of "
                 "sampling_timesteps ends before");
  }
}

}  // namespace
}  // namespace dagfusion::tests
