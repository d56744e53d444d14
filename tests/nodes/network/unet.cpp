#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

std::map<std::string, Plain> images(Shape shape) {
  return {{"x", numbered(shape)}, {"t", numbered({shape[0]})}};
}

TEST(UNet, HasTheWeightsOfTheCifarNetworkOfHo) {
  const Checked checked = expanded(
      "type: unet, channels: 128, multipliers: [1, 2, 2, 2], blocks: 2, attention_at: [16], dropout: 0.1",
      images({1, 3, 32, 32}));
  EXPECT_EQ(checked.weights->parameters(), 35'746'307);
  EXPECT_EQ(multiply_adds_of(checked), 6'221'856'768);
}

TEST(UNet, HasTheSizeOfTheSmallerPresets) {
  const Checked medium = expanded("type: unet, channels: 64, multipliers: [1, 2, 2], attention_at: [16]",
                                  images({1, 3, 32, 32}));
  EXPECT_EQ(medium.weights->parameters(), 6'472'195);
  EXPECT_EQ(multiply_adds_of(medium), 1'587'445'760);
  const Checked small = expanded("type: unet, attention_at: [16]", images({1, 1, 32, 32}));
  EXPECT_EQ(small.weights->parameters(), 1'623'169);
  EXPECT_EQ(multiply_adds_of(small), 417'800'192);
}

TEST(UNet, ExpandsToTheBlocksOfHo) {
  const Checked checked =
      expanded("type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4",
               images({1, 3, 16, 16}));
  std::vector<std::string> blocks;  // "down0/block0", in order, and layers of their own
  for (const std::string& line : nodes_of(checked)) {
    const std::string path = line.substr(0, line.find(' '));
    const std::size_t slash = path.find('/', path.find('/') + 1);
    const std::string block = path.substr(0, slash);
    if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
  }
  EXPECT_EQ(blocks,
            (std::vector<std::string>{
                "time/embedding", "time/linear1",  "time/silu1",       "time/linear2",   "time/silu2",
                "conv_in",        "down0/block0",  "down0/downsample", "down1/block0",   "down1/attention0",
                "mid/block0",     "mid/attention", "mid/block1",       "up1/concat0",    "up1/block0",
                "up1/attention0", "up1/concat1",   "up1/block1",       "up1/attention1", "up1/upsample",
                "up0/concat0",    "up0/block0",    "up0/concat1",      "up0/block1",     "norm_out",
                "conv_out"}));
}

TEST(UNet, DropsOutOnlyWhileTraining) {
  const Checked checked = expanded("type: unet, dropout: 0.5", images({1, 3, 32, 32}));
  for (const CheckedNode& n : checked.nodes) EXPECT_NE(n.type->name, "dropout");
}

TEST(UNet, PredictsAsManyChannelsAsAskedFor) {
  const Checked checked = expanded("type: unet, out_channels: 6", images({1, 3, 32, 32}));
  EXPECT_EQ(nodes_of(checked).back(), "conv_out conv2d [1,6,32,32]");
}

TEST(UNet, TakesImagesThatAreNotSquare) {
  const Checked checked = expanded("type: unet", images({1, 3, 16, 24}));
  EXPECT_EQ(nodes_of(checked).back(), "conv_out conv2d [1,3,16,24]");
}

TEST(UNet, RejectsSidesThatCannotBeHalvedOften) {
  EXPECT_EQ(faults_of("type: unet, multipliers: [1, 2, 2, 2]", images({1, 3, 28, 45})),
            "node 'node' (unet): 'multipliers' has 4 levels, so height and width must be divisible by 8, but "
            "'x' is "
            "[1,3,28,45]; the nearest right size is 32x48");
}

TEST(UNet, RejectsGroupsThatDoNotDivideTheChannelsOfALevel) {
  EXPECT_EQ(faults_of("type: unet, channels: 48", images({1, 3, 32, 32})),
            "node 'node' (unet): 'groups' is 32, which does not divide the 48 channels of 'conv_in'");
  EXPECT_EQ(faults_of("type: unet, channels: 16, groups: 32", images({1, 3, 32, 32})),
            "node 'node' (unet): 'groups' is 32, which does not divide the 16 channels of 'conv_in'");
}

TEST(UNet, RejectsAttentionWhereNoLevelIs) {
  EXPECT_EQ(faults_of("type: unet, attention_at: [16]", images({1, 1, 28, 28})),
            "node 'node' (unet): 'attention_at' holds 16, but the levels are 28, 14, 7 pixels high");
}

TEST(UNet, RejectsANetworkWithoutLevels) {
  EXPECT_EQ(faults_of("type: unet, multipliers: []", images({1, 3, 32, 32})),
            "node 'node' (unet): 'multipliers' has 0 levels; 1 to 8 would do");
  EXPECT_EQ(faults_of("type: unet, multipliers: [1, 0]", images({1, 3, 32, 32})),
            "node 'node' (unet): 'multipliers[1]' is 0; it must be between 1 and 64");
}

}  // namespace
}  // namespace dagfusion::tests
