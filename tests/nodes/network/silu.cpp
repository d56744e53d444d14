#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// x / (1 + e^-x): 0, 1 / 1.3678794, -1 / 3.7182818, 10 / 1.0000454.
TEST(Silu, IsTheInputTimesItsSigmoid) {
  OneNode silu("{type: silu}", {{"x", {{2, 2}, {0, 1, -1, 10}}}});
  silu.forward();
  const std::vector<float> y = silu.output("y").values;
  EXPECT_EQ(y[0], 0);
  EXPECT_NEAR(y[1], 0.73105858f, 1e-6f);
  EXPECT_NEAR(y[2], -0.26894142f, 1e-6f);
  EXPECT_NEAR(y[3], 9.9995460f, 1e-5f);
}

TEST(Silu, HasTheGradientsOfFiniteDifferences) {
  OneNode flat("{type: silu}", {{"x", gaussian({3, 5}, 1)}}, {.training = true});
  expect_gradients_match(flat);
  OneNode maps("{type: silu}", {{"x", gaussian({2, 5, 3, 3}, 1)}}, {.training = true, .blocked = {"x"}});
  expect_gradients_match(maps);
}

}  // namespace
}  // namespace dagfusion::tests
