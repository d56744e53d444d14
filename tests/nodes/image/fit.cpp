#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNodeOptions bytes() { return {.dtypes = {{"x", DType::u8}}}; }

TEST(Fit, ShrinksToCoverAndCutsTheMiddle) {
  // 2x6 to 1x1: areas of 2x2 have means 1, 5, 9, of which the middle one stays.
  OneNode node("{type: fit, size: 1}", {{"x", {{1, 1, 2, 6}, {1, 1, 5, 5, 9, 9, 1, 1, 5, 5, 9, 9}}}},
               bytes());
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 1, 1, 1}));
  EXPECT_EQ(node.output("y").values, std::vector<float>{5});
}

TEST(Fit, MakesImagesThatAreNotSquare) {
  OneNode node("{type: fit, size: 1, width: 2}", {{"x", {{1, 3, 2, 4}, std::vector<float>(24, 7)}}}, bytes());
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 3, 1, 2}));
  EXPECT_EQ(node.output("y").values, std::vector<float>(6, 7));
}

TEST(Fit, LeavesImagesAsTheyAreWithoutASize) {
  OneNode node("{type: fit}", {{"x", {{2, 1, 1, 2}, {1, 2, 3, 4}}}}, bytes());
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{1, 2, 3, 4}));
}

TEST(Fit, RefusesChannelsThatAreNoColours) {
  const std::string said = refusal("{type: fit}", {{"x", {{1, 2, 1, 1}, {1, 2}}}}, bytes());
  EXPECT_EQ(said.substr(said.find("node '")),
            "node 'node' (fit): input 'x' is [1,2,1,1] with 2 channels; there must be 1 or 3");
}

}  // namespace
}  // namespace dagfusion::tests
