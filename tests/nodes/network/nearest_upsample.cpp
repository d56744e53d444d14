#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(NearestUpsample, RepeatsEachPixelInASquareOfFour) {
  OneNode upsample("{type: nearest_upsample}", {{"x", {{1, 2, 1, 2}, {1, 2, 3, 4}}}});
  upsample.forward();
  EXPECT_EQ(upsample.output("y").shape, (Shape{1, 2, 2, 4}));
  EXPECT_EQ(upsample.output("y").values,
            (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
}

TEST(NearestUpsample, SumsTheGradientsOfTheFour) {
  OneNode upsample("{type: nearest_upsample}", {{"x", gaussian({1, 1, 1, 2}, 1)}}, {.training = true});
  upsample.forward();
  upsample.backward({{"y", {{1, 1, 2, 4}, {1, 2, 3, 4, 10, 20, 30, 40}}}});
  EXPECT_EQ(upsample.d_input("x").values, (std::vector<float>{33, 77}));
}

TEST(NearestUpsample, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    OneNode upsample("{type: nearest_upsample}", {{"x", gaussian({2, 11, 2, 3}, 1)}},
                     {.training = true, .channel_block = block});
    expect_gradients_match(upsample);
  }
}

}  // namespace
}  // namespace dagfusion::tests
