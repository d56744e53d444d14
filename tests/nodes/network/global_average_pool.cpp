#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(GlobalAveragePool, TakesTheMeanOfEachChannel) {
  OneNode pool("{type: global_average_pool}", {{"x", {{1, 2, 1, 3}, {1, 2, 6, -1, 0, 4}}}});
  pool.forward();
  EXPECT_EQ(pool.output("y").shape, (Shape{1, 2}));
  EXPECT_EQ(pool.output("y").values, (std::vector<float>{3, 1}));
}

TEST(GlobalAveragePool, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    OneNode pool("{type: global_average_pool}", {{"x", gaussian({2, 11, 3, 2}, 1)}},
                 {.training = true, .channel_block = block});
    expect_gradients_match(pool);
  }
}

}  // namespace
}  // namespace dagfusion::tests
