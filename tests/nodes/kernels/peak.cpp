#include "nodes/kernels/peak.h"

#include "nodes/kernels/bfloat16_dots.h"
#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

// Were two of its sums equal, a compiler would make one of them,
// and the loop would claim work that it did not do.
TEST(Peak, TheTwelveSumsOfTheLoopDiffer) {
  with_every_instruction_set([] {
    constexpr int kRounds = 1000;
    float sink = 2;
    const std::int64_t operations = multiply_add_loop(kRounds, &sink);
    double expected = 0;  // of one lane
    for (int i = 0; i < 12; ++i) {
      double sum = 2 + i;
      for (int round = 0; round < kRounds; ++round) sum = sum * 0.999999f + 1e-7f;
      expected += sum;
    }
    const auto lanes = static_cast<double>(operations) / (kRounds * 24);
    EXPECT_NEAR(sink, expected * lanes, 1e-4 * expected * lanes);
  });
}

TEST(Peak, TheTwelveSumsOfTheDotLoopDiffer) {
  if (!has_bfloat16_dots()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  float sink = 2;
  EXPECT_EQ(dot_loop(1000, &sink), 1000 * 12 * 16 * 4);
  EXPECT_NEAR(sink, 2 * 12 + 66, 0.01);  // what the products add is lost in rounding
}

}  // namespace
}  // namespace dagfusion::kernels
