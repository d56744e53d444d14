#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(MaxPool, TakesTheLargestOfEachWindow) {
  OneNode pool("{type: max_pool}", {{"x", {{1, 1, 2, 4}, {1, -2, -3, -4, -10, -20, 30, 40}}}});
  pool.forward();
  EXPECT_EQ(pool.output("y").shape, (Shape{1, 1, 1, 2}));
  EXPECT_EQ(pool.output("y").values, (std::vector<float>{1, 40}));
}

// What stands around x is no 0 that could be the largest. 3x3 at stride 2: the last row of four is left over.
TEST(MaxPool, LooksAtNothingOutside) {
  OneNode padded("{type: max_pool, kernel: 3, stride: 1, padding: 1}",
                 {{"x", {{1, 1, 2, 2}, {-4, -3, -2, -1}}}});
  padded.forward();
  EXPECT_EQ(padded.output("y").values, (std::vector<float>{-1, -1, -1, -1}));
  OneNode halved("{type: max_pool, kernel: 3}", {{"x", numbered({1, 1, 4, 4})}});
  halved.forward();
  EXPECT_EQ(halved.output("y").values, (std::vector<float>{10}));
}

TEST(MaxPool, GivesTheGradientToTheFirstOfTheLargest) {
  OneNode pool("{type: max_pool}", {{"x", {{1, 1, 2, 2}, {7, 3, 7, 7}}}}, {.training = true});
  pool.forward();
  pool.backward({{"y", {{1, 1, 1, 1}, {8}}}});
  EXPECT_EQ(pool.d_input("x").values, (std::vector<float>{8, 0, 0, 0}));
}

TEST(MaxPool, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    OneNode pool("{type: max_pool, kernel: 3, stride: 2, padding: 1}", {{"x", gaussian({2, 11, 5, 6}, 1)}},
                 {.training = true, .channel_block = block});
    expect_gradients_match(pool, {.h = 1e-3});
  }
}

TEST(MaxPool, RefusesWindowsThatDoNotFit) {
  EXPECT_EQ(refusal("{type: max_pool, padding: 2}", {{"x", numbered({1, 2, 4, 4})}}),
            "test.yaml:1:27: node 'node' (max_pool): 'padding' is 2, more than half of 'kernel', 2");
  EXPECT_EQ(refusal("{type: max_pool, kernel: 5}", {{"x", numbered({1, 2, 4, 4})}}),
            "test.yaml:1:1: node 'node' (max_pool): 'x' is [1,2,4,4], smaller than the window of 5x5 with "
            "its padding");
}

}  // namespace
}  // namespace dagfusion::tests
