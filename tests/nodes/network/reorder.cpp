#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Reorder, BringsFeatureMapsIntoBlocksAndGradientsBack) {
  const Plain x = gaussian({2, 11, 2, 3}, 1), dy = gaussian({2, 11, 2, 3}, 2);
  for (const int block : {8, 16}) {
    OneNode reorder("{type: reorder, layout: blocked}", {{"x", x}},
                    {.training = true, .channel_block = block});
    ASSERT_EQ(reorder.output_spec("y").block, block);
    reorder.forward();
    EXPECT_EQ(reorder.output("y").values, x.values);
    reorder.backward({{"y", dy}});
    EXPECT_EQ(reorder.d_input("x").values, dy.values);
  }
}

TEST(Reorder, BringsFeatureMapsOutOfBlocksAndGradientsBack) {
  const Plain x = gaussian({2, 11, 2, 3}, 1), dy = gaussian({2, 11, 2, 3}, 2);
  for (const int block : {8, 16}) {
    OneNode reorder("{type: reorder, layout: plain}", {{"x", x}},
                    {.training = true, .channel_block = block, .blocked = {"x"}});
    ASSERT_EQ(reorder.output_spec("y").block, 1);
    reorder.forward();
    EXPECT_EQ(reorder.output("y").values, x.values);
    reorder.backward({{"y", dy}});
    EXPECT_EQ(reorder.d_input("x").values, dy.values);
  }
}

}  // namespace
}  // namespace dagfusion::tests
