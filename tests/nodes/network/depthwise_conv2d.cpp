#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// A row of three pixels and one row of the kernel that meets them: 1 2 3 with weights 10, 1, 100.
TEST(DepthwiseConv2d, HasAKernelForEachChannel) {
  OneNode node("{type: depthwise_conv2d}", {{"x", {{1, 2, 1, 3}, {1, 2, 3, 1, 1, 1}}}});
  node.set_weight("weight", {0, 0, 0, 10, 1, 100, 0, 0, 0, 5, 5, 5, 5, 2, 5, 5, 5, 5});
  node.set_weight("bias", {0, .5f});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{201, 312, 23, 7.5f, 12.5f, 7.5f}));
}

TEST(DepthwiseConv2d, HalvesTheSides) {
  OneNode node("{type: depthwise_conv2d, kernel: 1, stride: 2, bias: false}",
               {{"x", numbered({1, 1, 3, 4})}});
  node.set_weight("weight", {2});
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 1, 2, 2}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{0, 4, 16, 20}));
}

TEST(DepthwiseConv2d, HasTheGradientsOfFiniteDifferences) {
  for (const char* more : {"", ", kernel: 5, stride: 2"})
    for (const int block : {8, 16}) {
      OneNode node(std::string("{type: depthwise_conv2d") + more + "}", {{"x", gaussian({2, 11, 5, 6}, 1)}},
                   {.training = true, .channel_block = block});
      expect_gradients_match(node);
    }
}

TEST(DepthwiseConv2d, RefusesEvenKernels) {
  EXPECT_EQ(refusal("{type: depthwise_conv2d, kernel: 4}", {{"x", numbered({1, 2, 4, 4})}}),
            "test.yaml:1:34: node 'node' (depthwise_conv2d): 'kernel' is 4; it can be 1, 3, 5 or 7");
}

}  // namespace
}  // namespace dagfusion::tests
