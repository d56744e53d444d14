#include "nodes/kernels/bytes.h"

#include <limits>
#include <numeric>

#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

TEST(KernelsBytes, EveryByteComesBack) {
  std::vector<std::uint8_t> bytes(256), back(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  std::vector<float> x(256), expected(256);
  reference::bytes_to_signed(bytes.data(), expected.data(), 256);
  with_every_instruction_set([&] {
    bytes_to_signed(bytes.data(), x.data(), 256);
    EXPECT_EQ(x, expected);
    EXPECT_EQ(x.front(), -1.0f);
    EXPECT_EQ(x.back(), 1.0f);
    signed_to_bytes(x.data(), back.data(), 256);
    EXPECT_EQ(back, bytes);
  });
}

TEST(KernelsBytes, RoundsHalfToEvenAndClamps) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 127.5 is half way and goes to 128; 0.25 * 127.5 + 127.5 = 159.375.
  const std::vector<float> x{0, 0.25f, -0.25f, -1.5f, 2, -kInfinity, kInfinity, 1e30f, std::nanf("")};
  const std::vector<std::uint8_t> expected{128, 159, 96, 0, 255, 0, 255, 255, 0};
  std::vector<std::uint8_t> bytes(x.size());
  with_every_instruction_set([&] {
    signed_to_bytes(x.data(), bytes.data(), x.size());
    EXPECT_EQ(bytes, expected);
  });
  reference::signed_to_bytes(x.data(), bytes.data(), x.size());
  EXPECT_EQ(bytes, expected);
}

TEST(KernelsBytes, MatchesTheReferenceForEveryLength) {
  with_every_instruction_set([] {
    for (std::size_t n = 0; n < 70; ++n) {
      const auto x = random_floats(n, 1, 0.7);
      std::vector<std::uint8_t> bytes(n + 1, 77), expected(n + 1, 77);
      signed_to_bytes(x.data(), bytes.data(), n);
      reference::signed_to_bytes(x.data(), expected.data(), n);
      ASSERT_EQ(bytes, expected);
      std::vector<float> back(n + 1, 7.0f), expected_back(n + 1, 7.0f);
      bytes_to_signed(bytes.data(), back.data(), n);
      reference::bytes_to_signed(bytes.data(), expected_back.data(), n);
      ASSERT_EQ(back, expected_back);
    }
  });
}

}  // namespace
}  // namespace dagfusion::kernels
