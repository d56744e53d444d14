#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Concat, PutsTheChannelsOfBBehindThoseOfA) {
  OneNode concat("{type: concat}", {{"a", {{2, 1, 1, 2}, {1, 2, 10, 20}}},
                                    {"b", {{2, 2, 1, 2}, {3, 4, 5, 6, 30, 40, 50, 60}}}});
  concat.forward();
  EXPECT_EQ(concat.output("y").shape, (Shape{2, 3, 1, 2}));
  EXPECT_EQ(concat.output("y").values, (std::vector<float>{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}));
}

// Channels that fill their blocks, fill them in part, or need several; 8 and 16 channels to the block.
class ConcatOfChannels : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(ConcatOfChannels, ForwardAndBackwardAreCopies) {
  const auto [channels_a, channels_b, block] = GetParam();
  const std::int64_t pixels = 6;
  const Plain a = gaussian({2, channels_a, 2, 3}, 1), b = gaussian({2, channels_b, 2, 3}, 2);
  OneNode concat("{type: concat}", {{"a", a}, {"b", b}}, {.training = true, .channel_block = block});
  concat.forward();
  const std::vector<float> y = concat.output("y").values;
  std::vector<float> want;
  for (std::int64_t n = 0; n < 2; ++n) {
    want.insert(want.end(), &a.values[n * channels_a * pixels], &a.values[0] + (n + 1) * channels_a * pixels);
    want.insert(want.end(), &b.values[n * channels_b * pixels], &b.values[0] + (n + 1) * channels_b * pixels);
  }
  EXPECT_EQ(y, want);
  concat.backward({{"y", {{2, channels_a + channels_b, 2, 3}, want}}});
  EXPECT_EQ(concat.d_input("a").values, a.values);
  EXPECT_EQ(concat.d_input("b").values, b.values);
}

INSTANTIATE_TEST_SUITE_P(Channels, ConcatOfChannels,
                         testing::Combine(testing::Values(3, 8, 12, 16, 24), testing::Values(4, 8, 13, 32),
                                          testing::Values(8, 16)));

TEST(Concat, RejectsMapsOfDifferentSizes) {
  EXPECT_EQ(
      refusal("{type: concat}", {{"a", numbered({1, 2, 4, 4})}, {"b", numbered({1, 2, 2, 4})}}),
      "test.yaml:1:1: node 'node' (concat): input 'b' is [1,2,2,4], but input 'a' is [1,2,4,4]: H must be 4");
}

}  // namespace
}  // namespace dagfusion::tests
