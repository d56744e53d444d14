#include <gtest/gtest.h>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

std::map<std::string, Plain> images(Shape shape) {
  return {{"x", numbered(shape)}, {"t", numbered({shape[0]})}};
}

// As PyTorch counts them.
TEST(LinearAttentionUNet, HasTheWeightsOfDenoisingDiffusionPytorch) {
  EXPECT_EQ(expanded("type: linear_attention_unet", images({1, 3, 32, 32})).weights->parameters(),
            35'711'491);
}

TEST(LinearAttentionUNet, ComparesAllPixelsWhereItIsAsked) {
  const auto attention = [](const std::string& more) {
    std::string found;
    for (const std::string& line : nodes_of(expanded(
             "type: linear_attention_unet, channels: 8, multipliers: [1, 2]" + more, images({1, 3, 8, 8}))))
      if (const std::size_t at = line.find("attention/attention "); at != line.npos)
        found += line.substr(0, at) + "attention ";
    return found;
  };
  EXPECT_EQ(attention(""),
            "down0/linear_attention down1/attention mid/attention up1/attention up0/linear_attention ");
  EXPECT_EQ(attention(", full_attention_at: [8]"),
            "down0/attention down1/linear_attention mid/attention up1/linear_attention up0/attention ");
}

TEST(LinearAttentionUNet, RejectsWhatDoesNotFit) {
  EXPECT_EQ(faults_of("type: linear_attention_unet", images({1, 3, 12, 12})),
            "node 'node' (linear_attention_unet): 'multipliers' has 4 levels, so height and width must be "
            "divisible by 8, but 'x' is [1,3,12,12]");
  EXPECT_EQ(faults_of("type: linear_attention_unet, multipliers: [1, 2], full_attention_at: [4]",
                      images({1, 3, 16, 16})),
            "node 'node' (linear_attention_unet): 'full_attention_at' holds 4, but the levels are 16, 8 "
            "pixels high");
  EXPECT_EQ(faults_of("type: linear_attention_unet, multipliers: []", images({1, 3, 16, 16})),
            "node 'node' (linear_attention_unet): 'multipliers' has 0 levels; 1 to 8 would do");
}

}  // namespace
}  // namespace dagfusion::tests
