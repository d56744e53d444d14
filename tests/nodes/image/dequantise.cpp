#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Dequantise, SpreadsNumbersOverHalfAStepUpAndDown) {
  constexpr int n = 4000;
  OneNode node("{type: dequantise, levels: 3}", {{"x", {{1, n}, std::vector<float>(n, .25f)}}});
  node.forward();
  EXPECT_EQ(node.output("bits").values, std::vector<float>{0});  // steps of 1
  double mean = 0, square = 0;
  for (const float value : node.output("out").values) {
    ASSERT_GE(value, -.25f);  // steps of 1
    ASSERT_LT(value, .75f);
    mean += (value - .25) / n;
    square += (value - .25) * (value - .25) / n;
  }
  EXPECT_NEAR(mean, 0, 3 * std::sqrt(1 / 12. / n));
  EXPECT_NEAR(square, 1 / 12., 3 * std::sqrt(1 / 180. / n));
}

TEST(Dequantise, SaysWhatAStepOfAByteCosts) {
  OneNode node("{type: dequantise}", {{"x", {{2, 1}, {0, 0}}}}, {}, 2);
  node.forward();
  for (const float bits : node.output("bits").values) EXPECT_NEAR(bits, 6.994353437, 1e-6);  // log2(127.5)
}

}  // namespace
}  // namespace dagfusion::tests
