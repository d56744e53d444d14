#include "nodes/diffusion/discrete_process.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "nodes/diffusion/reverse_variance.h"

namespace dagfusion {
namespace {

DiscreteProcess schedule(const std::string& yaml) {
  std::vector<Fault> faults;
  const Parameters given =
      Parameters::read(parse_document(yaml, "test.yaml"), catalog().section("diffusion")->parameters, {},
                       "section 'diffusion'", faults);
  if (!faults.empty()) throw UserError(faults);
  return DiscreteProcess(given);
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

TEST(DiscreteProcess, HasTheBetasOfHoByDefault) {
  const DiscreteProcess linear = schedule("{}");
  ASSERT_EQ(linear.timesteps(), 1000);
  EXPECT_EQ(linear.prediction().what, Prediction::epsilon);
  expect_golden(linear.beta(0), 1e-4);
  expect_golden(linear.beta(1), 1.199199199e-4);
  expect_golden(linear.beta(500), .01005995996);
  expect_golden(linear.beta(999), .02);
  expect_golden(linear.alpha(999), .98);
}

TEST(DiscreteProcess, MultipliesAlphasToTheGoldenNumbers) {
  const DiscreteProcess linear = schedule("{schedule: linear}");
  const std::pair<int, double> golden[] = {{0, .9999},           {1, .9997800921},    {10, .9978065725},
                                           {50, .9699514936},    {100, .8951415909},  {250, .5214230306},
                                           {480, .09486869695},  {500, .07779665837}, {750, .003300158362},
                                           {999, 4.035829765e-5}};
  for (const auto& [t, alpha_bar] : golden) expect_golden(linear.alpha_bar(t), alpha_bar);
}

TEST(DiscreteProcess, CountsTheCleanImageAsTimestepMinusOne) {
  const DiscreteProcess linear = schedule("{}");
  EXPECT_EQ(linear.alpha_bar(-1), 1);
  EXPECT_EQ(linear.level(-1).alpha, 1);
  EXPECT_EQ(linear.level(-1).sigma, 0);
}

TEST(DiscreteProcess, KnowsThePosterior) {
  const DiscreteProcess linear = schedule("{}");
  const auto posterior = [&](int t) { return linear.between(t - 1, t); };
  EXPECT_EQ(posterior(0).variance, 0);
  expect_golden(posterior(1).variance, 5.453187661e-5);
  expect_golden(posterior(500).variance, .01005133578);
  expect_golden(std::sqrt(posterior(50).variance), .03251429001);
  expect_golden(std::sqrt(linear.beta(50)), .03310583024);
  expect_golden(posterior(100).variance, .00205455353);
  expect_golden(std::log(posterior(500).variance), -4.60004974);
  expect_golden(std::log(linear.beta(500)), -4.599192094);
  expect_golden(posterior(500).from_x0, .003058057076);
  expect_golden(posterior(500).from_x, .9941043508);
  EXPECT_NEAR(posterior(0).from_x0, 1, 1e-12);  // the step to the clean image is the clean image
  EXPECT_EQ(posterior(0).from_x, 0);
}

// "50" of improved-diffusion keeps 0, 20, 41, 61, … 489, 510, … 979, 999; between them beta is larger.
TEST(DiscreteProcess, KnowsTheBetasOfAChainThatLeavesTimestepsOut) {
  const DiscreteProcess linear = schedule("{}");
  expect_golden(linear.between(-1, 0).added, 1e-4);
  expect_golden(linear.between(0, 20).added, .006165187947);
  expect_golden(linear.between(489, 510).added, .1913015093);
  expect_golden(linear.between(979, 999).added, .3298090661);
}

TEST(DiscreteProcess, TakesTheLogVarianceOfTimestepOneForTimestepZero) {
  const DiscreteProcess linear = schedule("{}");
  const auto log_variance = [&](int t) { return reverse_variance(linear, t - 1, t, t + 1).small; };
  expect_golden(log_variance(0), -9.816725135);
  EXPECT_EQ(log_variance(0), log_variance(1));
}

TEST(DiscreteProcess, KnowsTheSignalToNoiseRatio) {
  const DiscreteProcess linear = schedule("{}");
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

TEST(DiscreteProcess, CosineAgreesWithTheGoldenNumbers) {
  const DiscreteProcess cosine = schedule("{schedule: cosine}");
  expect_golden(cosine.beta(0), 4.128422482e-5);
  expect_golden(cosine.beta(998), .7499993929);
  expect_golden(cosine.beta(999), .999);  // capped
  const std::pair<int, double> golden[] = {
      {0, .9999587158}, {100, .9715756818}, {500, .4922851724}, {750, .1431786464}, {999, 2.428766907e-9}};
  for (const auto& [t, alpha_bar] : golden) expect_golden(cosine.alpha_bar(t), alpha_bar);
}

TEST(DiscreteProcess, SigmoidIsThatOfChen) {
  for (const char* name : {"sigmoid", "sigmoid_chen"}) {
    const DiscreteProcess sigmoid = schedule(std::string("{schedule: ") + name + "}");
    expect_golden(sigmoid.beta(0), 3.002791997e-4);
    expect_golden(sigmoid.alpha_bar(500), .4983428179);
    expect_golden(sigmoid.alpha_bar(999), 3.002791997e-7);
  }
}

TEST(DiscreteProcess, SigmoidOfGeodiffGrowsInBetaInstead) {
  // beta = b0 + (b1 - b0) * logistic(-6 … 6); logistic(6) = 1 - logistic(-6) = 0.99752737684
  const DiscreteProcess sigmoid =
      schedule("{schedule: sigmoid_geodiff, timesteps: 3, beta_start: 0.1, beta_end: 0.5}");
  EXPECT_NEAR(sigmoid.beta(0), 0.1 + 0.4 * 0.00247262316, 1e-11);
  EXPECT_NEAR(sigmoid.beta(1), 0.3, 1e-15);
  EXPECT_NEAR(sigmoid.beta(2), 0.1 + 0.4 * 0.99752737684, 1e-11);
}

TEST(DiscreteProcess, QuadraticIsScaledLinear) {
  for (const char* name : {"quadratic", "scaled_linear"}) {
    const DiscreteProcess quadratic = schedule(std::string("{schedule: ") + name + "}");
    expect_golden(quadratic.alpha_bar(999), 7.334124596e-4);
    expect_golden(quadratic.beta(999), .02);
  }
}

TEST(DiscreteProcess, ConstAddsBetaEndEverywhere) {
  const DiscreteProcess flat = schedule("{schedule: const, timesteps: 3, beta_end: 0.5}");
  EXPECT_EQ(flat.beta(0), 0.5);
  EXPECT_EQ(flat.alpha_bar(2), 0.125);
}

TEST(DiscreteProcess, ZeroTerminalSnrLeavesNoImageAtTheEnd) {
  const DiscreteProcess rescaled = schedule("{zero_terminal_snr: true, prediction: v}");
  expect_golden(rescaled.alpha_bar(0), .9999);
  expect_golden(rescaled.alpha_bar(100), .8944904372);
  expect_golden(rescaled.alpha_bar(500), .0752462157);
  expect_golden(rescaled.alpha_bar(998), 4.213262465e-9);
  EXPECT_EQ(rescaled.alpha_bar(999), 0);
  EXPECT_EQ(rescaled.between(998, 999).from_x, 0);
  EXPECT_EQ(rescaled.prediction().clean_image(rescaled.level(999)).from_prediction,
            -1);  // v = -x0 where all is noise
}

TEST(DiscreteProcess, TurnsEveryKindOfPredictionIntoTheCleanImage) {
  // x = a * 0.3 - b * 0.7 with a = sqrt(alpha_bar[500]), b = sqrt(1 - alpha_bar[500]): image 0.3, noise -0.7
  const double a = .2789205234, b = .960314189, x = -.5885437753;
  const auto clean = [&](const char* prediction, double value) {
    const DiscreteProcess linear = schedule(std::string("{prediction: ") + prediction + "}");
    const auto [from_x, from_prediction] = linear.prediction().clean_image(linear.level(500));
    return from_x * x + from_prediction * value;
  };
  EXPECT_NEAR(clean("epsilon", -.7), .3, 1e-9);
  EXPECT_NEAR(clean("sample", .3), .3, 1e-12);
  EXPECT_NEAR(clean("v", a * -.7 - b * .3), .3, 1e-9);
}

TEST(DiscreteProcess, WarnsWhenMuchOfTheImageIsLeftAtTheEnd) {
  EXPECT_TRUE(schedule("{}").warnings().empty());
  const std::vector<std::string> warnings = schedule("{timesteps: 100}").warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "section 'diffusion': alpha_bar of the last timestep is 0.364, so much of the image is left "
            "where sampling "
            "starts from pure noise; more timesteps or a larger 'beta_end' would bring it below 0.01");
}

TEST(DiscreteProcess, TakesTimesWithinItsTimestepsOnly) {
  const DiscreteProcess linear = schedule("{}");
  EXPECT_EQ(linear.time(0), 0);
  EXPECT_EQ(linear.time(999), 999);
  EXPECT_EQ(linear.time(3.5f), 3.5);
  EXPECT_EQ(linear.time_or_clean(-1), -1);
  const auto message = [&](float t) {
    try {
      linear.time(t);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(1000), "t is 1000, but the times of 'process' discrete go from 0 to 999");
  EXPECT_EQ(message(-1), "t is -1, but the times of 'process' discrete go from 0 to 999");
  EXPECT_EQ(message(std::nanf("")), "t is nan, but the times of 'process' discrete go from 0 to 999");
}

TEST(DiscreteProcess, ReadsTimesBetweenTimestepsOnAStraightLineOfLogSnr) {
  const DiscreteProcess linear = schedule("{}");
  EXPECT_NEAR(linear.snr(500.5), std::sqrt(linear.snr(500) * linear.snr(501)), 1e-12);
  for (const double t : {0., 3.25, 500., 998.75, 999.})
    EXPECT_NEAR(linear.time_of(linear.karras_sigma(t)), t, 1e-9);
  EXPECT_EQ(linear.time_of(1e-9), 0);   // as little noise as there is
  EXPECT_EQ(linear.time_of(1e9), 999);  // as much
  const DiscreteProcess rescaled = schedule("{zero_terminal_snr: true, prediction: v}");
  EXPECT_NEAR(rescaled.time_of(rescaled.karras_sigma(998.5)), 998.5, 1e-6);
  EXPECT_NEAR(linear.karras_sigma(0), .0100005, 1e-8);
  EXPECT_NEAR(linear.karras_sigma(949), 96.17609295, 1e-7);
  EXPECT_NEAR(linear.karras_sigma(50), .1760096328, 1e-10);
  expect_golden(linear.karras_sigma(549), 4.541235255);
  expect_golden(linear.karras_sigma(500), 3.442967113);
  expect_golden(linear.karras_sigma(450), 2.635654163);
}

TEST(DiscreteProcess, LinearByTimestepsAddsAsMuchNoiseForAnyNumberOfThem) {
  const DiscreteProcess few = schedule("{schedule: linear_by_timesteps, timesteps: 250}");
  expect_golden(few.beta(0), 4e-4);
  expect_golden(few.beta(249), .08);
  EXPECT_NEAR(std::log(few.alpha_bar(249)), std::log(4.035829765e-5), .3);
}

TEST(DiscreteProcess, WarmUpRisesAndStays) {
  const DiscreteProcess ten = schedule("{schedule: warmup10}"), fifty = schedule("{schedule: warmup50}");
  expect_golden(ten.beta(0), 1e-4);
  expect_golden(ten.beta(99), .02);
  expect_golden(ten.beta(100), .02);
  expect_golden(fifty.beta(1), 1e-4 + .0199 / 499);
  expect_golden(fifty.beta(499), .02);
}

TEST(DiscreteProcess, JsdEndsWithoutAnyImage) {
  // (1 - 1/T) (1 - 1/(T - 1)) … = (T - 1 - t) / T
  const DiscreteProcess jsd = schedule("{schedule: jsd, prediction: v}");
  expect_golden(jsd.beta(0), .001);
  EXPECT_NEAR(jsd.alpha_bar(499), .5, 1e-12);
  EXPECT_EQ(jsd.alpha_bar(999), 0);
  EXPECT_EQ(
      refusal("{schedule: jsd}"),
      "section 'diffusion': 'schedule' leaves no image in the last timestep, which 'prediction' epsilon "
      "cannot bring back; v and sample can");
}

TEST(DiscreteProcess, ExponentialFallsEvenlyInLogAlphaBar) {
  const DiscreteProcess exponential = schedule("{schedule: exponential}");
  EXPECT_NEAR(exponential.alpha_bar(499), std::exp(-6), 1e-12);
  EXPECT_NEAR(exponential.alpha_bar(999), std::exp(-12), 1e-15);
}

TEST(DiscreteProcess, LaplaceHasAsMuchImageAsNoiseInItsMiddle) {
  // u = 1/2: ln snr = 0, and alpha_bar as diffusers takes it is sqrt(1/2), over that of u = 0
  const double first = std::sqrt(1000. / 1001);  // snr(0) = (1e-6)^-1/2
  const DiscreteProcess laplace = schedule("{schedule: laplace, prediction: v}");
  EXPECT_NEAR(laplace.alpha_bar(499), std::sqrt(.5) / first, 1e-6);
}

TEST(DiscreteProcess, TakesAListOfBetas) {
  const DiscreteProcess listed = schedule("{betas: [0.1, 0.5, 0.5]}");
  EXPECT_EQ(listed.timesteps(), 3);
  EXPECT_DOUBLE_EQ(listed.alpha_bar(2), .9 * .5 * .5);
  EXPECT_EQ(refusal("{betas: [0.1, 0.5], timesteps: 2}"),
            "section 'diffusion': 'timesteps' and 'betas' are both given; the list says it all");
  EXPECT_EQ(refusal("{betas: [0.1]}"), "section 'diffusion': 'betas' has 1 timesteps; 2 or more would do");
}

TEST(DiscreteProcess, RefusesFallingBetas) {
  EXPECT_EQ(refusal("{beta_start: 0.03}"),
            "section 'diffusion': 'beta_start' is 0.03, above 'beta_end' 0.02");
}

TEST(DiscreteProcess, RefusesToPredictNoiseWhereNoImageIsLeft) {
  EXPECT_EQ(refusal("{zero_terminal_snr: true}"),
            "section 'diffusion': 'zero_terminal_snr' leaves no image in the last timestep, which "
            "'prediction' epsilon "
            "cannot bring back; v and sample can");
}

}  // namespace
}  // namespace dagfusion
