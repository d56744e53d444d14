#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(const Plain& noise, const std::string& parameters = "") {
  return OneNode("{type: offset_noise" + parameters + "}", {{"noise", noise}});
}

// What was added to each pixel.
std::vector<float> added(OneNode& offset, const Plain& noise) {
  offset.forward();
  std::vector<float> values = offset.output("out").values;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= noise.values[i];
  return values;
}

TEST(OffsetNoise, MovesEachChannelOfEachImageAsAWhole) {
  const Plain noise{{2, 3, 2, 2}, std::vector<float>(24)};
  OneNode offset = node(noise);
  const std::vector<float> moved = added(offset, noise);
  for (int channel = 0; channel < 6; ++channel)
    for (int p = 1; p < 4; ++p) EXPECT_EQ(moved[channel * 4 + p], moved[channel * 4]);
  for (int channel = 1; channel < 6; ++channel) EXPECT_NE(moved[channel * 4], moved[0]);
}

// n = 4096 channels: five standard errors of mean and variance.
TEST(OffsetNoise, AddsAGaussianOfItsStrength) {
  const Plain noise{{64, 64, 1, 1}, std::vector<float>(4096)};
  OneNode offset = node(noise, ", strength: 0.5");
  double mean = 0, square = 0;
  for (const double z : added(offset, noise)) mean += z / 4096, square += z * z / 4096;
  EXPECT_NEAR(mean, 0, 5 * .5 / 64);
  EXPECT_NEAR(square, .25, 5 * .25 * std::sqrt(2.0 / 4096));
}

TEST(OffsetNoise, IsTheNoiseItselfWithStrengthZero) {
  const Plain noise = gaussian({2, 3, 4, 4}, 1);
  OneNode offset = node(noise, ", strength: 0");
  offset.forward();
  EXPECT_EQ(offset.output("out").values, noise.values);
}

TEST(OffsetNoise, RefusesAStrengthBelowZero) {
  EXPECT_EQ(refusal("{type: offset_noise, strength: -1}", {{"noise", numbered({1, 1, 2, 2})}}),
            "test.yaml:1:32: node 'node' (offset_noise): 'strength' is -1; it must be at least 0");
}

}  // namespace
}  // namespace dagfusion::tests
