#include "nodes/kernels/gaussian.h"

#include "graph/values/uniform.h"
#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

const RandomStream kStream{.key = {0x12345678u, 0x9ABCDEF0u}, .image = 0x300000005u, .iteration = 7};

std::vector<float> draw(const RandomStream& stream, std::size_t n, std::size_t first = 0) {
  std::vector<float> values(n);
  gaussian(stream, values.data(), n, first);
  return values;
}

TEST(KernelsGaussian, MatchesTheFormulaInDouble) {
  constexpr std::size_t n = 100003;
  std::vector<double> expected(n);
  reference::gaussian(kStream, expected.data(), n);
  with_every_instruction_set([&] {
    const auto values = draw(kStream, n);
    for (std::size_t i = 0; i < n; ++i) {
      // Where u is near 1 its rounding to 24 bits shows in the radius: 2^-25 / radius.
      const double radius = std::hypot(expected[i / 2 * 2], i + 1 == n ? 0 : expected[i / 2 * 2 + 1]);
      ASSERT_NEAR(values[i], expected[i], 1e-6 + std::min(4e-4, 0x1p-24 / radius)) << i;
    }
  });
}

// Key 0 and counter 0 are a published test vector of Philox4x32-10: 6627e8d5 e169c58d bc57ac4c 9b00dbd8. So
// u = (0x3313f46a + 0.5) / 2^31 = 0.39904647, angle = 2 pi 0.88052020; then 0.73571278 and 2 pi 0.60548185.
TEST(KernelsGaussian, StartsWithTheGoldenValues) {
  const std::vector<float> golden{0.99113768f, -0.92466259f, -0.61760896f, -0.48206859f};
  with_every_instruction_set([&] { expect_close(draw(RandomStream{}, 4), golden, 5e-7); });
}

TEST(KernelsGaussian, GivesTheSameBitsHoweverManyAreAskedForAndWhereverTheyGo) {
  with_every_instruction_set([&] {
    const auto all = draw(kStream, 200);
    for (std::size_t n = 0; n <= 70; ++n) {
      std::vector<float> values(n + 4, 99.0f);
      gaussian(kStream, values.data() + 3, n);
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(values[i + 3], all[i]) << n << " values, number " << i;
      ASSERT_EQ(values[2], 99.0f);
      ASSERT_EQ(values[n + 3], 99.0f);
    }
    for (std::size_t first = 0; first < 100; first += 4) {
      ASSERT_EQ(draw(kStream, 100, first),
                std::vector<float>(all.begin() + first, all.begin() + first + 100));
    }
  });
}

TEST(KernelsGaussian, DependsOnEveryPartOfTheStream) {
  const auto values = draw(kStream, 16);
  for (const auto& other :
       {RandomStream{{0x12345679u, 0x9ABCDEF0u}, kStream.image, 7},
        RandomStream{{0x12345678u, 0x9ABCDEF1u}, kStream.image, 7},
        RandomStream{kStream.key, 0x300000006u, 7}, RandomStream{kStream.key, 0x400000005u, 7},
        RandomStream{kStream.key, kStream.image, 8}}) {
    EXPECT_NE(draw(other, 16), values);
  }
}

TEST(KernelsGaussian, HasTheMomentsOfTheNormalDistribution) {
  constexpr std::size_t n = 1 << 20;
  auto values = draw(kStream, n);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, pairs = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double z = values[i];
    m1 += z / n, m2 += z * z / n, m3 += z * z * z / n, m4 += z * z * z * z / n;
    pairs += z * values[(i + 1) % n] / n;
  }
  // Four standard errors: 1, sqrt(2), sqrt(15), sqrt(96), 1 over sqrt(n) = 1024.
  EXPECT_NEAR(m1, 0, 4.0 / 1024);
  EXPECT_NEAR(m2, 1, 5.7 / 1024);
  EXPECT_NEAR(m3, 0, 15.5 / 1024);
  EXPECT_NEAR(m4, 3, 39.2 / 1024);
  EXPECT_NEAR(pairs, 0, 4.0 / 1024);

  // Kolmogorov-Smirnov: a distance of 1.95 / sqrt(n) is exceeded by one sample in a thousand.
  std::ranges::sort(values);
  double distance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double below = 0.5 * std::erfc(-values[i] / std::sqrt(2.0));
    distance = std::max({distance, below - double(i) / n, double(i + 1) / n - below});
  }
  EXPECT_LT(distance, 1.95 / 1024);

  // Beyond 4 lie 6.33e-5 of all: 66.4 of these, give or take 8.1.
  const auto tail = std::ranges::count_if(values, [](float z) { return std::abs(z) > 4; });
  EXPECT_NEAR(tail, 66.4, 4 * 8.2);
  EXPECT_LT(std::max(-values.front(), values.back()), 6.661f);
}

TEST(DrawUniform, HasTheSameBitsOnEveryInstructionSet) {
  const RandomStream stream{.key = {7, 11}};
  with_every_instruction_set([&] {
    std::vector<float> drawn(103);
    draw_uniform(stream, 0.037, drawn.data(), drawn.size());
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const std::uint32_t word = stream.block(static_cast<std::uint32_t>(i / 4))[i % 4];
      ASSERT_EQ(drawn[i], static_cast<float>(0.037 * (2.0 * uniform01(word) - 1))) << i;
    }
  });
}

}  // namespace
}  // namespace dagfusion::kernels
