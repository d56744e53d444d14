// Nodes that make what a conditional model sees, and pictures in rows.
#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Pixelate, TakesTheMeanOfEverySquare) {
  OneNode node("{type: pixelate, factor: 2}", {{"x", {{1, 1, 2, 4}, {0, 2, 10, 20, 4, 6, 30, 40}}}});
  node.forward();
  EXPECT_EQ(node.output("y").values, std::vector<float>({3, 3, 25, 25, 3, 3, 25, 25}));
  EXPECT_EQ(refusal("{type: pixelate, factor: 3}", {{"x", numbered({1, 1, 4, 3})}}),
            "test.yaml:1:26: node 'node' (pixelate): 'factor' is 3, which does not divide the sides of "
            "images [1,1,4,3]");
}

TEST(Desaturate, WeighsTheColoursAsEyesDo) {
  OneNode node("{type: desaturate}", {{"x", {{1, 3, 1, 2}, {1, 0, 0, 1, 0, 1}}}});
  node.forward();
  EXPECT_FLOAT_EQ(node.output("y").values[0], .299f);
  EXPECT_FLOAT_EQ(node.output("y").values[1], .701f);
  EXPECT_EQ(refusal("{type: desaturate}", {{"x", numbered({1, 1, 2, 2})}}),
            "test.yaml:1:1: node 'node' (desaturate): input 'x' is [1,1,2,2], but takes [N,3,H,W]: side 2 "
            "must be 3");
}

TEST(SideBySide, MakesARowOfEachImage) {
  OneNode node("{type: side_by_side}",
               {{"a", {{2, 1, 1, 2}, {1, 2, 3, 4}}}, {"b", {{2, 1, 1, 2}, {5, 6, 7, 8}}}},
               {.dtypes = {{"a", DType::u8}, {"b", DType::u8}}}, 2);
  node.forward();
  EXPECT_EQ(node.output("y").shape, Shape({2, 2, 1, 1, 2}));
  EXPECT_EQ(node.output("y").values, std::vector<float>({1, 2, 5, 6, 3, 4, 7, 8}));
}

}  // namespace
}  // namespace dagfusion::tests
