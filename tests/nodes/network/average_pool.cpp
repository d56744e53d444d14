#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(AveragePool, TakesTheMeanOfEachSquareOfFour) {
  OneNode pool("{type: average_pool}", {{"x", {{1, 1, 2, 4}, {1, 2, 3, 4, 10, 20, 30, 40}}}});
  pool.forward();
  EXPECT_EQ(pool.output("y").shape, (Shape{1, 1, 1, 2}));
  EXPECT_EQ(pool.output("y").values, (std::vector<float>{8.25f, 19.25f}));
}

TEST(AveragePool, GivesEachOfTheFourAQuarterOfTheGradient) {
  OneNode pool("{type: average_pool}", {{"x", gaussian({1, 1, 2, 2}, 1)}}, {.training = true});
  pool.forward();
  pool.backward({{"y", {{1, 1, 1, 1}, {8}}}});
  EXPECT_EQ(pool.d_input("x").values, (std::vector<float>{2, 2, 2, 2}));
}

TEST(AveragePool, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    OneNode pool("{type: average_pool}", {{"x", gaussian({2, 11, 4, 6}, 1)}},
                 {.training = true, .channel_block = block});
    expect_gradients_match(pool);
  }
}

TEST(AveragePool, RejectsSidesThatCannotBeHalved) {
  EXPECT_EQ(
      refusal("{type: average_pool}", {{"x", numbered({1, 2, 3, 4})}}),
      "test.yaml:1:1: node 'node' (average_pool): 'x' is [1,2,3,4], which cannot be halved; height and width "
      "must be even");
}

}  // namespace
}  // namespace dagfusion::tests
