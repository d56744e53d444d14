#include <gtest/gtest.h>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

TEST(ResidualBlock, AddsTheImagesThemselvesWhenTheChannelsStay) {
  const Checked checked = expanded("type: residual_block, channels: 8, groups: 4",
                                   {{"x", numbered({1, 8, 4, 4})}, {"temb", numbered({1, 16})}});
  EXPECT_EQ(
      nodes_of(checked),
      (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "conv1 conv2d [1,8,4,4]", "time linear [1,8]",
                                "norm2 group_norm [1,8,4,4]", "conv2 conv2d [1,8,4,4]"}));
}

TEST(ResidualBlock, AddsAOneByOneConvolutionWhenTheyChange) {
  const Checked checked =
      expanded("type: residual_block, channels: 16, groups: 4", {{"x", numbered({1, 8, 4, 4})}});
  EXPECT_EQ(nodes_of(checked),
            (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "conv1 conv2d [1,16,4,4]",
                                      "norm2 group_norm [1,16,4,4]", "shortcut conv2d [1,16,4,4]",
                                      "conv2 conv2d [1,16,4,4]"}));
  const int shortcut = checked.weights->find("node/shortcut.weight");
  ASSERT_GE(shortcut, 0);
  EXPECT_EQ(checked.weights->weights()[shortcut].shape, (Shape{16, 8, 1, 1}));
}

TEST(ResidualBlock, DropsOutBeforeTheLastConvolutionWhileTraining) {
  const Checked checked = expanded("type: residual_block, channels: 8, groups: 4, dropout: 0.1",
                                   {{"x", numbered({1, 8, 4, 4})}}, true);
  EXPECT_EQ(nodes_of(checked),
            (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "conv1 conv2d [1,8,4,4]",
                                      "norm2 group_norm [1,8,4,4]", "dropout dropout [1,8,4,4]",
                                      "conv2 conv2d [1,8,4,4]"}));
}

TEST(ResidualBlock, StartsAsTheImagesThemselves) {
  const Checked checked =
      expanded("type: residual_block, channels: 8, groups: 4", {{"x", numbered({1, 8, 4, 4})}});
  const auto& weights = checked.weights->weights();
  const double conv1 = weights[checked.weights->find("node/conv1.weight")].init.value;
  const double conv2 = weights[checked.weights->find("node/conv2.weight")].init.value;
  EXPECT_GT(conv1, 0.01);
  EXPECT_LT(conv2, 1e-4);
}

TEST(ResidualBlock, RejectsGroupsThatDoNotDivideTheChannelsWithTheNormsThatMindIt) {
  EXPECT_EQ(faults_of("type: residual_block, channels: 12, groups: 8", {{"x", numbered({1, 8, 4, 4})}}),
            "node 'node/norm2' (group_norm): 'groups' is 8, which does not divide the 12 channels of 'x'");
}

}  // namespace
}  // namespace dagfusion::tests
