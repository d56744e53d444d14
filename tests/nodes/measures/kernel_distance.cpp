#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

// X = (1,0), (0,1), (1,1); Y = (0,0), (2,1), (1,-1); k(a,b) = (<a,b>/2 + 1)^3. Pairs of two different ones:
// X: 1, 3.375, 3.375, mean 2.58333; Y: 1, 1, 3.375, mean 1.79167; of X with Y: 1, 8, 3.375, 1, 3.375, 0.125, 1,
// 15.625, 1, mean 3.83333. 2.58333 + 1.79167 - 2 * 3.83333.
TEST(KernelDistance, IsTheUnbiasedDiscrepancy) {
  const auto scores = measured(
      "{type: kernel_distance}",
      {{"samples", {{3, 2}, {1, 0, 0, 1, 1, 1}}}, {"reference", {{3, 2}, {0, 0, 2, 1, 1, -1}}}}, "kernel");
  EXPECT_NEAR(scores.at("distance"), -3.291666667, 1e-8);
  EXPECT_EQ(scores.at("deviation"), 0);
}

// Over many subsets the mean comes to what all images give; images of one distribution differ by about nothing.
TEST(KernelDistance, IsTheMeanOverSubsets) {
  const Plain samples = gaussian({60, 4}, 1), real = gaussian({60, 4}, 2);
  const auto whole =
      measured("{type: kernel_distance}", {{"samples", samples}, {"reference", real}}, "kernel");
  const auto parts = measured("{type: kernel_distance, subsets: 400, subset_size: 20}",
                              {{"samples", samples}, {"reference", real}}, "kernel");
  EXPECT_GT(parts.at("deviation"), 0);
  EXPECT_NEAR(parts.at("distance"), whole.at("distance"), 4 * parts.at("deviation") / 20);
}

}  // namespace
}  // namespace dagfusion::tests
