#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nodes/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}"};

std::string failure(OneNode& node) {
  try {
    node.forward();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

// Largest distance between the distribution functions of two samples of equal size.
double kolmogorov_smirnov(std::vector<float> a, std::vector<float> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double distance = 0;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i] <= b[j])
      ++i;
    else
      ++j;
    distance = std::max(distance, std::abs(double(i) - double(j)) / static_cast<double>(a.size()));
  }
  return distance;
}

TEST(NoiseStep, AddsTheBetaOfItsTimestep) {
  // beta[500] = 0.01005995996: sqrt(1 - beta) * 0.5 + sqrt(beta) * 2 = 0.4974786530 + 0.2005987035
  OneNode node("{type: noise_step}", {{"x", {{1, 1}, {.5f}}}, {"t", {{1}, {500}}}, {"noise", {{1, 1}, {2}}}},
               kLinear);
  node.forward();
  EXPECT_NEAR(node.output("xt").values[0], .6980773565, 1e-6);
}

TEST(NoiseStep, FromTheCleanImageIsAddNoise) {
  const Plain x0 = gaussian({2, 1, 3, 3}, 1), noise = gaussian({2, 1, 3, 3}, 2), t = {{2}, {10, 700}};
  OneNode step("{type: noise_step}", {{"x", x0}, {"t", t}, {"t_prev", {{2}, {-1, -1}}}, {"noise", noise}},
               kLinear);
  OneNode closed("{type: add_noise}", {{"x0", x0}, {"noise", noise}, {"t", t}}, kLinear);
  step.forward();
  closed.forward();
  EXPECT_EQ(step.output("xt").values, closed.output("xt").values);
}

TEST(NoiseStep, DrawsItsOwnNoiseWhenNoneIsWired) {
  OneNode node("{type: noise_step}", {{"x", {{2, 2}, {0, 0, 0, 0}}}, {"t", {{2}, {500, 500}}}}, kLinear);
  node.at(0, 0);
  node.forward();
  const std::vector<float> first = node.output("xt").values;
  EXPECT_NE(first[0], first[2]);  // another image, another stream
  node.at(0, 1);
  node.forward();
  EXPECT_NE(node.output("xt").values, first);  // another iteration, other numbers
}

// The thousand small steps and the one closed form must destroy an image in the same way: same mean, same
// variance, same distribution, at every timestep looked at. Bounds: five standard errors of n = 4096 values,
// and for the distributions the two-sample Kolmogorov-Smirnov bound that chance passes once in 10,000 seeds.
TEST(NoiseStep, ChainedAgreesInDistributionWithAddNoise) {
  constexpr int n = 4096;
  const float images[2] = {.5f, -.8f};
  Plain x0{{2, 1, 64, 64}, std::vector<float>(2 * n)};
  std::fill_n(x0.values.begin(), n, images[0]);
  std::fill_n(x0.values.begin() + n, n, images[1]);
  const Plain noise = gaussian({2, 1, 64, 64}, 3);
  OneNode step("{type: noise_step}", {{"x", x0}, {"t", {{2}, {0, 0}}}}, kLinear);
  OneNode closed("{type: add_noise}", {{"x0", x0}, {"noise", noise}, {"t", {{2}, {0, 0}}}}, kLinear);
  double alpha_bar = 1;
  for (int t = 0; t < 1000; ++t) {
    alpha_bar *= 1 - (1e-4 + (.02 - 1e-4) * t / 999);
    step.at(0, t);
    step.set_input("t", {float(t), float(t)});
    step.forward();
    const std::vector<float> chained = step.output("xt").values;
    step.set_input("x", chained);
    if (t != 0 && t != 50 && t != 200 && t != 500 && t != 999) continue;
    SCOPED_TRACE("t = " + std::to_string(t));
    closed.set_input("t", {float(t), float(t)});
    closed.forward();
    const std::vector<float> direct = closed.output("xt").values;
    for (int image = 0; image < 2; ++image) {
      const std::vector<float> a(chained.begin() + image * n, chained.begin() + (image + 1) * n);
      const std::vector<float> b(direct.begin() + image * n, direct.begin() + (image + 1) * n);
      for (const std::vector<float>& sample : {a, b}) {
        double mean = 0, square = 0;
        for (const double x : sample) mean += x / n;
        for (const double x : sample) square += (x - mean) * (x - mean) / n;
        EXPECT_NEAR(mean, std::sqrt(alpha_bar) * images[image], 5 * std::sqrt((1 - alpha_bar) / n));
        EXPECT_NEAR(square, 1 - alpha_bar, 5 * (1 - alpha_bar) * std::sqrt(2.0 / n));
      }
      EXPECT_LT(kolmogorov_smirnov(a, b) * std::sqrt(n / 2.0), 2.225);
    }
  }
}

TEST(NoiseStep, RefusesToTakeNoiseAway) {
  OneNode node("{type: noise_step}", {{"x", {{1, 1}, {0}}}, {"t", {{1}, {10}}}, {"t_prev", {{1}, {10}}}},
               kLinear);
  EXPECT_EQ(failure(node), "t_prev is 10, which is not below t = 10; noise is only added");
}

TEST(NoiseStep, RefusesATimestepThatIsNone) {
  OneNode node("{type: noise_step}", {{"x", {{1, 1}, {0}}}, {"t", {{1}, {1000}}}}, kLinear);
  EXPECT_EQ(failure(node), "t is 1000, but the times of 'process' discrete go from 0 to 999");
}

}  // namespace
}  // namespace dagfusion::tests
