#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

//  1 2 | 3 4
//  5 6 | 7 8   : the upper left corners of both squares come first, then the upper right ones
TEST(SpaceToDepth, MakesChannelsOfTheCornersOfSquares) {
  OneNode node("{type: space_to_depth}", {{"x", {{1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}}}});
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 4, 1, 2}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{1, 3, 2, 4, 5, 7, 6, 8}));
}

TEST(SpaceToDepth, HasTheGradientsOfFiniteDifferences) {
  OneNode node("{type: space_to_depth}", {{"x", gaussian({2, 3, 4, 2}, 1)}}, {.training = true});
  expect_gradients_match(node);
}

TEST(SpaceToDepth, RejectsOddSides) {
  EXPECT_EQ(
      refusal("{type: space_to_depth}", {{"x", numbered({1, 1, 2, 3})}}),
      "test.yaml:1:1: node 'node' (space_to_depth): 'x' is [1,1,2,3], which cannot be halved; height and "
      "width must be even");
}

}  // namespace
}  // namespace dagfusion::tests
