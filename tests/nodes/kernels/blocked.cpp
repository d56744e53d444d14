#include "nodes/kernels/blocked.h"

#include "graph/values/tensor.h"
#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

TEST(KernelsBlocked, ReorderMatchesTheReferenceAndComesBack) {
  with_every_instruction_set([] {
    for (const int channels : {1, 3, 4, 6, 8, 13, 16, 24, 40}) {
      for (const std::size_t pixels : {1, 3, 4, 7, 64, 105}) {
        for (const int block : {8, 16}) {
          const auto plain = random_floats(channels * pixels, 1);
          const std::size_t stored = filled_up(channels, block) * pixels;
          std::vector<float> blocked(stored, 7.0f), expected(stored, 7.0f), back(plain.size(), 7.0f);
          plain_to_blocked(plain.data(), blocked.data(), channels, pixels, block);
          reference::plain_to_blocked(plain.data(), expected.data(), channels, pixels, block);
          ASSERT_EQ(blocked, expected) << channels << " channels, " << pixels << " pixels, block " << block;
          blocked_to_plain(blocked.data(), back.data(), channels, pixels, block);
          ASSERT_EQ(back, plain) << channels << " channels, " << pixels << " pixels, block " << block;
          reference::blocked_to_plain(blocked.data(), back.data(), channels, pixels, block);
          ASSERT_EQ(back, plain);
        }
      }
    }
  });
}

// Two channels, two pixels: [a0 a1 | b0 b1] becomes [a0 b0 0.. | a1 b1 0..].
TEST(KernelsBlocked, MatchesACaseWorkedByHand) {
  const std::vector<float> plain{1, 2, 3, 4}, expected{1, 3, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 0};
  std::vector<float> blocked(16, 9);
  with_every_instruction_set([&] {
    plain_to_blocked(plain.data(), blocked.data(), 2, 2, 8);
    EXPECT_EQ(blocked, expected);
  });
}

TEST(KernelsBlocked, UpsamplingRepeatsAndItsBackwardAddsUp) {
  with_every_instruction_set([] {
    for (const int block : {8, 16}) {
      for (const auto& [blocks, height, width] : {std::array{1, 1, 1}, {2, 3, 5}, {3, 4, 4}}) {
        const std::size_t n = static_cast<std::size_t>(blocks) * height * width * block;
        const auto x = random_floats(n, 1), dy = random_floats(4 * n, 2);
        std::vector<float> y(4 * n), expected(4 * n), dx(n), expected_dx(n);
        upsample2(x.data(), y.data(), blocks, height, width, block);
        reference::upsample2(x.data(), expected.data(), blocks, height, width, block);
        EXPECT_EQ(y, expected);
        upsample2_backward(dy.data(), dx.data(), blocks, height, width, block);
        reference::upsample2_backward(dy.data(), expected_dx.data(), blocks, height, width, block);
        EXPECT_EQ(dx, expected_dx);
      }
    }
  });
}

// A picture of 1 x 2 pixels (1, 2) becomes (1 1 2 2) twice; ones come back as fours.
TEST(KernelsBlocked, UpsamplingMatchesACaseWorkedByHand) {
  std::vector<float> x(16), y(64), dx(16);
  std::fill_n(x.begin(), 8, 1.0f);
  std::fill_n(x.begin() + 8, 8, 2.0f);
  with_every_instruction_set([&] {
    upsample2(x.data(), y.data(), 1, 1, 2, 8);
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(y[i], i / 16 % 2 == 0 ? 1.0f : 2.0f) << i;
    upsample2_backward(std::vector<float>(64, 1.0f).data(), dx.data(), 1, 1, 2, 8);
    EXPECT_EQ(dx, std::vector<float>(16, 4.0f));
  });
}

}  // namespace
}  // namespace dagfusion::kernels
