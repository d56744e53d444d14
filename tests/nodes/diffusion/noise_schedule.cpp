#include "nodes/diffusion/noise_schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"

namespace dagfusion {
namespace {

NoiseSchedule schedule(const std::string& yaml) {
  std::vector<Fault> faults;
  const Parameters given =
      Parameters::read(parse_document(yaml, "test.yaml"), catalog().section("diffusion")->parameters, {},
                       "section 'diffusion'", faults);
  if (!faults.empty()) throw UserError(faults);
  return NoiseSchedule(given);
}

std::string refusal(const std::string& yaml) {
  try {
    schedule(yaml);
  } catch (const UserError& error) {
    return error.faults().front().message;
  }
  return "";
}

// The digits a golden number was written with, ten of them.
void expect_golden(double value, double golden) { EXPECT_NEAR(value, golden, 6e-10 * std::abs(golden)); }

TEST(NoiseSchedule, HasTheBetasOfHoByDefault) {
  const NoiseSchedule linear = schedule("{}");
  ASSERT_EQ(linear.timesteps(), 1000);
  EXPECT_EQ(linear.prediction(), Prediction::epsilon);
  expect_golden(linear.beta(0), 1e-4);
  expect_golden(linear.beta(1), 1.199199199e-4);
  expect_golden(linear.beta(500), .01005995996);
  expect_golden(linear.beta(999), .02);
  expect_golden(linear.alpha(999), .98);
}

TEST(NoiseSchedule, MultipliesAlphasToTheGoldenNumbers) {
  const NoiseSchedule linear = schedule("{schedule: linear}");
  const std::pair<int, double> golden[] = {{0, .9999},           {1, .9997800921},    {10, .9978065725},
                                           {50, .9699514936},    {100, .8951415909},  {250, .5214230306},
                                           {480, .09486869695},  {500, .07779665837}, {750, .003300158362},
                                           {999, 4.035829765e-5}};
  for (const auto& [t, alpha_bar] : golden) expect_golden(linear.alpha_bar(t), alpha_bar);
}

TEST(NoiseSchedule, CountsTheCleanImageAsTimestepMinusOne) {
  const NoiseSchedule linear = schedule("{}");
  EXPECT_EQ(linear.alpha_bar(-1), 1);
  EXPECT_EQ(linear.alpha_bar_prev(0), 1);
  EXPECT_EQ(linear.alpha_bar_prev(500), linear.alpha_bar(499));
}

TEST(NoiseSchedule, KnowsThePosterior) {
  const NoiseSchedule linear = schedule("{}");
  EXPECT_EQ(linear.posterior_variance(0), 0);
  expect_golden(linear.posterior_variance(1), 5.453187661e-5);
  expect_golden(linear.posterior_variance(500), .01005133578);
  expect_golden(std::sqrt(linear.posterior_variance(50)), .03251429001);
  expect_golden(std::sqrt(linear.beta(50)), .03310583024);
  expect_golden(linear.posterior_variance(100), .00205455353);
  expect_golden(linear.posterior_log_variance(500), -4.60004974);
  expect_golden(std::log(linear.beta(500)), -4.599192094);
  expect_golden(linear.posterior_x0(500), .003058057076);
  expect_golden(linear.posterior_xt(500), .9941043508);
  EXPECT_NEAR(linear.posterior_x0(0), 1, 1e-12);  // the step to the clean image is the clean image
  EXPECT_EQ(linear.posterior_xt(0), 0);
}

TEST(NoiseSchedule, TakesTheLogVarianceOfTimestepOneForTimestepZero) {
  const NoiseSchedule linear = schedule("{}");
  expect_golden(linear.posterior_log_variance(0), -9.816725135);
  EXPECT_EQ(linear.posterior_log_variance(0), linear.posterior_log_variance(1));
}

TEST(NoiseSchedule, KnowsTheSignalToNoiseRatio) {
  const NoiseSchedule linear = schedule("{}");
  expect_golden(linear.snr(100), 8.536669577);
  expect_golden(1 / std::sqrt(linear.snr(999)), 157.4072808);  // sigma of variance-exploding samplers
  const auto first_below = [&](double snr) {
    int t = 0;
    while (linear.snr(t) >= snr) ++t;
    return t;
  };
  EXPECT_EQ(first_below(5), 130);
  EXPECT_EQ(first_below(1), 259);
}

TEST(NoiseSchedule, CosineAgreesWithTheGoldenNumbers) {
  const NoiseSchedule cosine = schedule("{schedule: cosine}");
  expect_golden(cosine.beta(0), 4.128422482e-5);
  expect_golden(cosine.beta(998), .7499993929);
  expect_golden(cosine.beta(999), .999);  // capped
  const std::pair<int, double> golden[] = {
      {0, .9999587158}, {100, .9715756818}, {500, .4922851724}, {750, .1431786464}, {999, 2.428766907e-9}};
  for (const auto& [t, alpha_bar] : golden) expect_golden(cosine.alpha_bar(t), alpha_bar);
}

TEST(NoiseSchedule, SigmoidIsThatOfChen) {
  for (const char* name : {"sigmoid", "sigmoid_chen"}) {
    const NoiseSchedule sigmoid = schedule(std::string("{schedule: ") + name + "}");
    expect_golden(sigmoid.beta(0), 3.002791997e-4);
    expect_golden(sigmoid.alpha_bar(500), .4983428179);
    expect_golden(sigmoid.alpha_bar(999), 3.002791997e-7);
  }
}

TEST(NoiseSchedule, SigmoidOfGeodiffGrowsInBetaInstead) {
  // beta = b0 + (b1 - b0) * logistic(-6 … 6); logistic(6) = 1 - logistic(-6) = 0.99752737684
  const NoiseSchedule sigmoid =
      schedule("{schedule: sigmoid_geodiff, timesteps: 3, beta_start: 0.1, beta_end: 0.5}");
  EXPECT_NEAR(sigmoid.beta(0), 0.1 + 0.4 * 0.00247262316, 1e-11);
  EXPECT_NEAR(sigmoid.beta(1), 0.3, 1e-15);
  EXPECT_NEAR(sigmoid.beta(2), 0.1 + 0.4 * 0.99752737684, 1e-11);
}

TEST(NoiseSchedule, QuadraticIsScaledLinear) {
  for (const char* name : {"quadratic", "scaled_linear"}) {
    const NoiseSchedule quadratic = schedule(std::string("{schedule: ") + name + "}");
    expect_golden(quadratic.alpha_bar(999), 7.334124596e-4);
    expect_golden(quadratic.beta(999), .02);
  }
}

TEST(NoiseSchedule, ConstAddsBetaEndEverywhere) {
  const NoiseSchedule flat = schedule("{schedule: const, timesteps: 3, beta_end: 0.5}");
  EXPECT_EQ(flat.beta(0), 0.5);
  EXPECT_EQ(flat.alpha_bar(2), 0.125);
}

TEST(NoiseSchedule, ZeroTerminalSnrLeavesNoImageAtTheEnd) {
  const NoiseSchedule rescaled = schedule("{zero_terminal_snr: true, prediction: v}");
  expect_golden(rescaled.alpha_bar(0), .9999);
  expect_golden(rescaled.alpha_bar(100), .8944904372);
  expect_golden(rescaled.alpha_bar(500), .0752462157);
  expect_golden(rescaled.alpha_bar(998), 4.213262465e-9);
  EXPECT_EQ(rescaled.alpha_bar(999), 0);
  EXPECT_EQ(rescaled.posterior_xt(999), 0);
  EXPECT_EQ(rescaled.clean_image(999).from_prediction, -1);  // v = -x0 where all is noise
}

TEST(NoiseSchedule, TurnsEveryKindOfPredictionIntoTheCleanImage) {
  // x = a * 0.3 - b * 0.7 with a = sqrt(alpha_bar[500]), b = sqrt(1 - alpha_bar[500]): image 0.3, noise -0.7
  const double a = .2789205234, b = .960314189, x = -.5885437753;
  const auto clean = [&](const char* prediction, double value) {
    const auto [from_x, from_prediction] =
        schedule(std::string("{prediction: ") + prediction + "}").clean_image(500);
    return from_x * x + from_prediction * value;
  };
  EXPECT_NEAR(clean("epsilon", -.7), .3, 1e-9);
  EXPECT_NEAR(clean("sample", .3), .3, 1e-12);
  EXPECT_NEAR(clean("v", a * -.7 - b * .3), .3, 1e-9);
}

TEST(NoiseSchedule, WarnsWhenMuchOfTheImageIsLeftAtTheEnd) {
  EXPECT_TRUE(schedule("{}").warnings().empty());
  const std::vector<std::string> warnings = schedule("{timesteps: 100}").warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "section 'diffusion': alpha_bar of the last timestep is 0.364, so much of the image is left "
            "where sampling "
            "starts from pure noise; more timesteps or a larger 'beta_end' would bring it below 0.01");
}

TEST(NoiseSchedule, TakesWholeTimestepsOnly) {
  const NoiseSchedule linear = schedule("{}");
  EXPECT_EQ(linear.index(0), 0);
  EXPECT_EQ(linear.index(999), 999);
  EXPECT_EQ(linear.index(-1, -1), -1);
  const auto message = [&](float t, int lowest) {
    try {
      linear.index(t, lowest);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(3.5f, 0), "t is 3.5, which is not a timestep; whole numbers from 0 to 999 are");
  EXPECT_EQ(message(1000, 0), "t is 1000, which is not a timestep; whole numbers from 0 to 999 are");
  EXPECT_EQ(message(-1, 0), "t is -1, which is not a timestep; whole numbers from 0 to 999 are");
  EXPECT_EQ(message(-2, -1), "t is -2, which is not a timestep; whole numbers from -1 to 999 are");
  EXPECT_EQ(message(std::nanf(""), 0), "t is nan, which is not a timestep; whole numbers from 0 to 999 are");
}

TEST(NoiseSchedule, RefusesFallingBetas) {
  EXPECT_EQ(refusal("{beta_start: 0.03}"),
            "section 'diffusion': 'beta_start' is 0.03, above 'beta_end' 0.02");
}

TEST(NoiseSchedule, RefusesToPredictNoiseWhereNoImageIsLeft) {
  EXPECT_EQ(refusal("{zero_terminal_snr: true}"),
            "section 'diffusion': 'zero_terminal_snr' leaves no image in the last timestep, which "
            "'prediction' epsilon "
            "cannot bring back; v and sample can");
}

}  // namespace
}  // namespace dagfusion
