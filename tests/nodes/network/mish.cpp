#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// 1 * tanh(ln(1 + e)) = 1 * tanh(1.3132617); 100: the gate is open; -100: it is shut.
TEST(Mish, MultipliesByTheTanhOfTheSoftplus) {
  OneNode mish("{type: mish}", {{"x", {{1, 4}, {0, 1, 100, -100}}}});
  mish.forward();
  const std::vector<float> y = mish.output("y").values;
  EXPECT_EQ(y[0], 0);
  EXPECT_NEAR(y[1], 0.8650984, 1e-6);
  EXPECT_EQ(y[2], 100);
  EXPECT_NEAR(y[3], 0, 1e-6);
}

TEST(Mish, HasTheGradientsOfFiniteDifferences) {
  OneNode mish("{type: mish}", {{"x", gaussian({2, 6}, 1)}}, {.training = true});
  expect_gradients_match(mish);
}

}  // namespace
}  // namespace dagfusion::tests
