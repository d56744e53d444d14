#include <gtest/gtest.h>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

TEST(AttentionBlock, NormalisesAttendsAndAddsTheImages) {
  const Checked checked =
      expanded("type: attention_block, groups: 4, heads: 2", {{"x", numbered({1, 8, 4, 4})}});
  EXPECT_EQ(nodes_of(checked),
            (std::vector<std::string>{"norm group_norm [1,8,4,4]", "q conv2d [1,8,4,4]", "k conv2d [1,8,4,4]",
                                      "v conv2d [1,8,4,4]", "attention attention [1,8,4,4]",
                                      "proj conv2d [1,8,4,4]"}));
}

TEST(AttentionBlock, ScalesTheSumWithTheImages) {
  EXPECT_EQ(
      nodes_of(expanded("type: attention_block, groups: 4, skip_scale: 0.5", {{"x", numbered({1, 8, 4, 4})}}))
          .back(),
      "scale scale [1,8,4,4]");
}

TEST(AttentionBlock, RejectsGroupsThatDoNotDivideTheChannels) {
  EXPECT_EQ(faults_of("type: attention_block", {{"x", numbered({1, 8, 4, 4})}}),
            "node 'node/norm' (group_norm): 'groups' is 32, which does not divide the 8 channels of 'x'");
}

}  // namespace
}  // namespace dagfusion::tests
