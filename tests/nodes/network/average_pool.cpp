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

// A corner of 3x3 windows sees four pixels: their sum is divided by nine, or by four.
TEST(AveragePool, CountsWhatLiesOutsideOrNot) {
  const std::string window = "{type: average_pool, kernel: 3, stride: 2, padding: 1";
  const std::map<std::string, Plain> x = {{"x", {{1, 1, 3, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8}}}};
  OneNode all(window + "}", x);
  all.forward();
  EXPECT_EQ(all.output("y").values, (std::vector<float>{8 / 9.0f, 12 / 9.0f, 20 / 9.0f, 24 / 9.0f}));
  OneNode inside(window + ", count_padding: false}", x);
  inside.forward();
  EXPECT_EQ(inside.output("y").values, (std::vector<float>{2, 3, 5, 6}));
}

// 2x2 in 3x4 pixels: the third row fills no window, and gets no gradient.
TEST(AveragePool, LeavesOverWhatFillsNoWindow) {
  OneNode pool("{type: average_pool}", {{"x", numbered({1, 1, 3, 4})}}, {.training = true});
  pool.forward();
  EXPECT_EQ(pool.output("y").shape, (Shape{1, 1, 1, 2}));
  EXPECT_EQ(pool.output("y").values, (std::vector<float>{2.5f, 4.5f}));
  pool.backward({{"y", {{1, 1, 1, 2}, {4, 8}}}});
  EXPECT_EQ(pool.d_input("x").values, (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 0, 0, 0, 0}));
}

TEST(AveragePool, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16})
    for (const char* window : {"", ", kernel: 3, stride: 1, padding: 1, count_padding: true",
                               ", kernel: 3, stride: 1, padding: 1, count_padding: false"}) {
      OneNode pool(std::string("{type: average_pool") + window + "}", {{"x", gaussian({2, 11, 4, 6}, 1)}},
                   {.training = true, .channel_block = block});
      expect_gradients_match(pool);
    }
}

TEST(AveragePool, RefusesWindowsThatDoNotFit) {
  EXPECT_EQ(
      refusal("{type: average_pool}", {{"x", numbered({1, 2, 1, 4})}}),
      "test.yaml:1:1: node 'node' (average_pool): 'x' is [1,2,1,4], smaller than the window of 2x2 with "
      "its padding");
}

}  // namespace
}  // namespace dagfusion::tests
