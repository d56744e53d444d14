// Whole sampling loops without a network: data that are Gaussian have an exact denoiser, so the samples' mean
// and variance are known.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/exact_denoiser.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

constexpr double kMean = .2, kDeviation = .5;  // of the data
constexpr int kValues = 16384;

const Mixture1d kData{{{1, kMean, kDeviation}}};

struct Moments {
  double mean = 0, deviation = 0;
};

// Walks from pure noise to clean images as a pipeline's loop does.
Moments sample(const std::string& times_yaml, const std::string& step_yaml, const std::string& section) {
  const std::unique_ptr<NoiseProcess> perfect = process_of(section);
  const OneNodeOptions options = {.sections = "diffusion: " + section};
  const Shape shape = {4, 1, 64, 64};
  OneNode times(times_yaml, {}, options, 4);
  Plain x = gaussian(shape, 11);
  OneNode step(step_yaml,
               {{"x", x}, {"prediction", x}, {"t", {{4}, {0, 0, 0, 0}}}, {"t_prev", {{4}, {0, 0, 0, 0}}}},
               options);
  for (int i = 0; i < dynamic_cast<Times&>(times.node()).count(); ++i) {
    times.at(0, i);
    times.forward();
    const Plain t = times.output("t");
    Plain prediction = x;
    const double at_zero = perfect_prediction(kData, *perfect, t.values[0], 0);
    const double slope = perfect_prediction(kData, *perfect, t.values[0], 1) - at_zero;
    for (float& value : prediction.values) value = static_cast<float>(at_zero + slope * value);
    step.at(0, i);
    step.set_input("x", x.values);
    step.set_input("prediction", prediction.values);
    step.set_input("t", t.values);
    step.set_input("t_prev", times.output("t_prev").values);
    step.forward();
    x = step.output("prev");
  }
  Moments found;
  for (const double value : x.values) found.mean += value / kValues;
  for (const double value : x.values)
    found.deviation += (value - found.mean) * (value - found.mean) / kValues;
  found.deviation = std::sqrt(found.deviation);
  return found;
}

// Bounds: five standard errors, and what steps of finite length take off the deviation, as a share of it.
// That is known, since every step is linear in x: 0.8 % and -0.2 % for DDPM's 1000 steps, 1.5 % for 200 of
// DDIM, 3.5 % with eta.
void expect_data(const Moments& found, double lost) {
  EXPECT_NEAR(found.mean, kMean, (5 / std::sqrt(kValues) + .002) * kDeviation);
  EXPECT_NEAR(found.deviation, kDeviation * (1 - lost), 5 / std::sqrt(2.0 * kValues) * kDeviation);
}

TEST(Sampling, DdpmReproducesGaussianData) {
  expect_data(sample("{type: ddpm_timesteps}", "{type: ddpm_step, clip: false}", "{schedule: linear}"),
              .0078);
}

TEST(Sampling, DdpmReproducesGaussianDataWithALargeVariance) {
  expect_data(sample("{type: ddpm_timesteps}", "{type: ddpm_step, clip: false, variance: fixed_large}",
                     "{schedule: linear}"),
              -.0015);
}

TEST(Sampling, DdimReproducesGaussianDataWithEverySpacing) {
  for (const char* spacing : {"leading", "linspace", "trailing"}) {
    SCOPED_TRACE(spacing);
    expect_data(sample(std::string("{type: ddim_timesteps, steps: 200, spacing: ") + spacing + "}",
                       "{type: ddim_step, clip: false}", "{schedule: linear}"),
                .0145);
  }
}

TEST(Sampling, DdimReproducesGaussianDataWithFreshNoise) {
  expect_data(sample("{type: ddim_timesteps, steps: 200}", "{type: ddim_step, clip: false, eta: 1}",
                     "{schedule: linear}"),
              .0346);
}

TEST(Sampling, DdimStartsFromPureNoiseWithZeroTerminalSnr) {
  expect_data(sample("{type: ddim_timesteps, steps: 200, spacing: trailing}",
                     "{type: ddim_step, clip: false}", "{prediction: v, zero_terminal_snr: true}"),
              .0148);
}

TEST(Sampling, GivesTheSameForEveryKindOfPrediction) {
  const std::string times = "{type: ddim_timesteps, steps: 20}", step = "{type: ddim_step}";
  const Moments epsilon = sample(times, step, "{prediction: epsilon}");
  for (const char* section : {"{prediction: sample}", "{prediction: v}"}) {
    const Moments other = sample(times, step, section);
    EXPECT_NEAR(other.mean, epsilon.mean, 1e-5);
    EXPECT_NEAR(other.deviation, epsilon.deviation, 1e-5);
  }
}

}  // namespace
}  // namespace dagfusion::tests
