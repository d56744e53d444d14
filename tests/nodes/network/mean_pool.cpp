#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// A corner of 3x3 windows sees four pixels: their sum is divided by nine, or by four.
TEST(MeanPool, CountsWhatLiesOutsideOrNot) {
  const std::string window = "{type: mean_pool, kernel: 3, stride: 2, padding: 1";
  const std::map<std::string, Plain> x = {{"x", {{1, 1, 3, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8}}}};
  OneNode all(window + "}", x);
  all.forward();
  EXPECT_EQ(all.output("y").values, (std::vector<float>{8 / 9.0f, 12 / 9.0f, 20 / 9.0f, 24 / 9.0f}));
  OneNode inside(window + ", count_padding: false}", x);
  inside.forward();
  EXPECT_EQ(inside.output("y").values, (std::vector<float>{2, 3, 5, 6}));
}

TEST(MeanPool, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16})
    for (const char* counted : {"true", "false"}) {
      OneNode pool(
          std::string("{type: mean_pool, kernel: 3, stride: 1, padding: 1, count_padding: ") + counted + "}",
          {{"x", gaussian({2, 11, 5, 4}, 1)}}, {.training = true, .channel_block = block});
      expect_gradients_match(pool);
    }
}

}  // namespace
}  // namespace dagfusion::tests
