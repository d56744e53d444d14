#include <gtest/gtest.h>

#include <cmath>

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

TEST(ResidualBlock, ScalesAndShiftsByTheTimestepWithFilm) {
  const Checked checked = expanded("type: residual_block, channels: 8, groups: 4, film: true",
                                   {{"x", numbered({1, 8, 4, 4})}, {"temb", numbered({1, 16})}});
  EXPECT_EQ(
      nodes_of(checked),
      (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "conv1 conv2d [1,8,4,4]", "time linear [1,16]",
                                "norm2 group_norm [1,8,4,4]", "conv2 conv2d [1,8,4,4]"}));
  EXPECT_EQ(
      faults_of("type: residual_block, channels: 8, groups: 4, film: true", {{"x", numbered({1, 8, 4, 4})}}),
      "node 'node' (residual_block): 'film' is true, but input 'temb', which it scales and shifts by, is not "
      "wired");
}

TEST(ResidualBlock, ChangesTheSidesOfBothWays) {
  const Checked down = expanded("type: residual_block, channels: 8, groups: 4, resample: down",
                                {{"x", numbered({1, 8, 4, 4})}});
  EXPECT_EQ(nodes_of(down),
            (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "resample average_pool [1,8,2,2]",
                                      "resample_shortcut average_pool [1,8,2,2]", "conv1 conv2d [1,8,2,2]",
                                      "norm2 group_norm [1,8,2,2]", "conv2 conv2d [1,8,2,2]"}));
  const Checked up =
      expanded("type: residual_block, channels: 8, groups: 4, resample: up", {{"x", numbered({1, 8, 4, 4})}});
  EXPECT_EQ(nodes_of(up).back(), "conv2 conv2d [1,8,8,8]");
}

TEST(ResidualBlock, ScalesTheSumAndConvolvesAShortCutWhoseSidesChange) {
  const Checked checked = expanded(
      "type: residual_block, channels: 8, groups: 4, resample: down, resample_shortcut: conv, skip_scale: "
      "0.5",
      {{"x", numbered({1, 8, 4, 4})}});
  EXPECT_EQ(nodes_of(checked),
            (std::vector<std::string>{"norm1 group_norm [1,8,4,4]", "resample average_pool [1,8,2,2]",
                                      "resample_shortcut average_pool [1,8,2,2]", "conv1 conv2d [1,8,2,2]",
                                      "norm2 group_norm [1,8,2,2]", "shortcut conv2d [1,8,2,2]",
                                      "conv2 conv2d [1,8,2,2]", "scale scale [1,8,2,2]"}));
}

TEST(ResidualBlock, HasFewerGroupsWhereTheyWouldBeNarrow) {
  const Checked checked = expanded("type: residual_block, channels: 24, groups: 4, group_channels: 4",
                                   {{"x", numbered({1, 8, 4, 4})}});
  const auto groups = [&](const std::string& norm) {
    for (const CheckedNode& n : checked.nodes)
      if (n.path == "node/" + norm) return n.parameters.integer("groups");
    return std::int64_t{0};
  };
  EXPECT_EQ(groups("norm1"), 2);
  EXPECT_EQ(groups("norm2"), 4);
}

TEST(ResidualBlock, StartsAsItsInitSays) {
  const auto bound = [](const std::string& init, const std::string& weight) {
    const Checked checked = expanded("type: residual_block, channels: 8, groups: 4, init: " + init,
                                     {{"x", numbered({1, 8, 4, 4})}});
    return checked.weights->weights()[checked.weights->find("node/" + weight)].init.value;
  };
  EXPECT_DOUBLE_EQ(bound("openai", "conv1.weight"), std::sqrt(1 / 72.0));
  EXPECT_DOUBLE_EQ(bound("openai", "conv1.bias"), std::sqrt(1 / 72.0));
  EXPECT_EQ(bound("openai", "conv2.weight"), 0);
  EXPECT_EQ(bound("openai", "conv2.bias"), 0);
  EXPECT_DOUBLE_EQ(bound("pytorch", "conv2.weight"), std::sqrt(1 / 72.0));
  EXPECT_DOUBLE_EQ(bound("ho", "conv1.weight"), std::sqrt(6 / 144.0));
  EXPECT_EQ(bound("ho", "conv1.bias"), 0);
}

TEST(ResidualBlock, RejectsGroupsThatDoNotDivideTheChannelsWithTheNormsThatMindIt) {
  EXPECT_EQ(faults_of("type: residual_block, channels: 12, groups: 8", {{"x", numbered({1, 8, 4, 4})}}),
            "node 'node/norm2' (group_norm): 'groups' is 8, which does not divide the 12 channels of 'x'");
}

}  // namespace
}  // namespace dagfusion::tests
