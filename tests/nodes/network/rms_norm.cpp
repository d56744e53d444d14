#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// One group of 1, 3 and 5, 7: mean square (1 + 9 + 25 + 49) / 4 = 21.
TEST(RmsNorm, DividesByTheRootMeanSquareOfAGroup) {
  OneNode norm("{type: rms_norm, groups: 1}", {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}});
  norm.forward();
  const std::vector<float> y = norm.output("y").values;
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(y[i], (1 + 2 * static_cast<float>(i)) / std::sqrt(21.0f), 1e-5f);
}

// Shifted by 4 and 0: 5, 7 and 5, 7, mean square 37; silu(z) = z / (1 + e^-z).
TEST(RmsNorm, AddsTheShiftBeforeAndAppliesSiluAfter) {
  OneNode norm("{type: rms_norm, groups: 1, silu: true}",
               {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}, {"shift", {{1, 2}, {4, 0}}}});
  norm.forward();
  const float z = 5 / std::sqrt(37.0f);
  EXPECT_NEAR(norm.output("y").values[0], z / (1 + std::exp(-z)), 1e-5f);
}

TEST(RmsNorm, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    for (const char* silu : {"false", "true"}) {
      OneNode norm(std::string("{type: rms_norm, groups: 3, silu: ") + silu + "}",
                   {{"x", gaussian({2, 12, 3, 2}, 1)}, {"shift", gaussian({2, 12}, 2)}},
                   {.training = true, .channel_block = block});
      norm.set_weight("weight", gaussian({12}, 3).values);
      norm.set_weight("bias", gaussian({12}, 4).values);
      expect_gradients_match(norm);
    }
  }
}

TEST(RmsNorm, RefusesGroupsThatDoNotDivideTheChannels) {
  EXPECT_EQ(
      refusal("{type: rms_norm, groups: 3}", {{"x", numbered({1, 4, 1, 1})}}),
      "test.yaml:1:26: node 'node' (rms_norm): 'groups' is 3, which does not divide the 4 channels of 'x'");
}

}  // namespace
}  // namespace dagfusion::tests
