#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Relu, CutsOffBelowZeroAndAboveItsMaximum) {
  const std::map<std::string, Plain> x = {{"x", {{1, 4}, {-3, 0, 5, 9}}}};
  OneNode open("{type: relu}", x);
  open.forward();
  EXPECT_EQ(open.output("y").values, (std::vector<float>{0, 0, 5, 9}));
  OneNode six("{type: relu, maximum: 6}", x);
  six.forward();
  EXPECT_EQ(six.output("y").values, (std::vector<float>{0, 0, 5, 6}));
}

TEST(Relu, LetsGradientsThroughBetween) {
  OneNode six("{type: relu, maximum: 6}", {{"x", {{1, 4}, {-3, 0, 5, 9}}}}, {.training = true});
  six.forward();
  six.backward({{"y", {{1, 4}, {1, 2, 3, 4}}}});
  EXPECT_EQ(six.d_input("x").values, (std::vector<float>{0, 0, 3, 0}));
}

TEST(Relu, HasTheGradientsOfFiniteDifferences) {
  OneNode node("{type: relu, maximum: 1}", {{"x", gaussian({2, 5, 3, 3}, 1)}}, {.training = true});
  expect_gradients_match(node, {.h = 1e-4, .bound = 5e-3});
}

}  // namespace
}  // namespace dagfusion::tests
