#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// 1 * 0.8413447 and -2 * 0.0227501: the normal distribution below 1 and below -2.
TEST(Gelu, MultipliesByTheShareBelow) {
  OneNode gelu("{type: gelu}", {{"x", {{1, 3}, {0, 1, -2}}}});
  gelu.forward();
  const std::vector<float> y = gelu.output("y").values;
  EXPECT_EQ(y[0], 0);
  EXPECT_NEAR(y[1], 0.8413447, 1e-6);
  EXPECT_NEAR(y[2], -0.0455003, 1e-6);
}

TEST(Gelu, HasTheGradientsOfFiniteDifferences) {
  OneNode gelu("{type: gelu}", {{"x", gaussian({2, 6}, 1)}}, {.training = true});
  expect_gradients_match(gelu);
}

}  // namespace
}  // namespace dagfusion::tests
