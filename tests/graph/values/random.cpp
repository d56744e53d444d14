#include "graph/values/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <vector>

namespace dagfusion {
namespace {

// The known answers that come with the paper's own code (Random123, kat_vectors).
TEST(Philox, GivesThePublishedNumbers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, CountsImagesIterationsAndBlocks) {
  const RandomStream stream{.key = {7, 9}, .image = 0x500000003, .iteration = 11};
  EXPECT_EQ(stream.block(13), philox({3, 5, 11, 13}, {7, 9}));
}

TEST(StreamKey, DiffersBetweenSeedsAndNames) {
  EXPECT_EQ(stream_key(1, "noise"), stream_key(1, "noise"));
  EXPECT_NE(stream_key(1, "noise"), stream_key(2, "noise"));
  EXPECT_NE(stream_key(1, "noise"), stream_key(1, "t"));
  EXPECT_NE(stream_key(1, "ab"), stream_key(1, "ba"));
  EXPECT_NE(stream_key(0, ""), (std::array<std::uint32_t, 2>{0, 0}));
}

TEST(StreamKey, NeverChanges) {
  // Worked out once from the published definitions of FNV-1a
  // and SplitMix64 in Python: runs that exist depend on it.
  EXPECT_EQ(stream_key(1, "noise"), (std::array<std::uint32_t, 2>{0x42f5cdb1, 0xc980e3d0}));
}

TEST(RandomStream, IsUniformInMeanAndVariance) {
  const int images = 100, blocks = 100;
  double sum = 0, squares = 0, product = 0;
  for (int image = 0; image < images; ++image) {
    const RandomStream one{.key = stream_key(1, "a"), .image = static_cast<std::uint64_t>(image)};
    const RandomStream two{.key = stream_key(1, "b"), .image = static_cast<std::uint64_t>(image)};
    for (std::uint32_t block = 0; block < blocks; ++block) {
      const Philox4 a = one.block(block), b = two.block(block);
      for (std::size_t w = 0; w < 4; ++w) {
        const double u = uniform01(a[w]), v = uniform01(b[w]);
        EXPECT_LT(u, 1);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        product += (u - 0.5) * (v - 0.5);
      }
    }
  }
  // 40000 numbers: the mean's deviation is sqrt(1/12/40000) = 0.0014,
  // the variance's 0.0004; bounds are four of them.
  const double count = 4.0 * images * blocks;
  EXPECT_NEAR(sum / count, 0.5, 0.0058);
  EXPECT_NEAR(squares / count, 1.0 / 12, 0.0016);
  EXPECT_NEAR(product / count, 0, 0.0017);  // streams do not follow each other
}

TEST(Uniform01, KeepsTwentyFourBits) {
  EXPECT_EQ(uniform01(0), 0.0f);
  EXPECT_EQ(uniform01(0x80000000), 0.5f);
  EXPECT_EQ(uniform01(0xffffffff), 1.0f - 0x1p-24f);
}

TEST(Below, ScalesTheWord) {
  EXPECT_EQ(below(10, 0), 0u);
  EXPECT_EQ(below(10, ~std::uint64_t{0}), 9u);
  EXPECT_EQ(below(10, std::uint64_t{1} << 63), 5u);
}

TEST(Shuffled, VisitsEveryItemOnceInEveryEpoch) {
  const auto key = stream_key(3, "images");
  for (std::uint64_t size = 1; size <= 300; ++size) {
    for (const std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40}) {
      std::vector<int> visits(size);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t at = shuffled(i, size, epoch, key);
        ASSERT_LT(at, size);
        ++visits[at];
      }
      EXPECT_EQ(visits, std::vector<int>(size, 1)) << "size " << size << ", epoch " << epoch;
    }
  }
}

int places_in_common(std::uint64_t epoch_a, std::uint64_t epoch_b, std::uint64_t seed_b) {
  int common = 0;
  for (std::uint64_t i = 0; i < 1000; ++i)
    common +=
        shuffled(i, 1000, epoch_a, stream_key(1, "a")) == shuffled(i, 1000, epoch_b, stream_key(seed_b, "a"));
  return common;
}

TEST(Shuffled, DiffersBetweenEpochsAndSeeds) {
  // Two random orders of 1000 items agree in one place on average; ten happens once in ten million.
  EXPECT_EQ(places_in_common(4, 4, 1), 1000);
  EXPECT_LT(places_in_common(0, 1, 1), 10);
  EXPECT_LT(places_in_common(0, std::uint64_t{1} << 32, 1), 10);
  EXPECT_LT(places_in_common(0, 0, 2), 10);
}

TEST(Shuffled, PutsEachItemAnywhere) {
  // Where item 0 of 8 goes in 8000 epochs: 1000 times to each place, deviation sqrt(8000/8*7/8) = 30.
  std::vector<int> count(8);
  for (std::uint64_t epoch = 0; epoch < 8000; ++epoch) ++count[shuffled(0, 8, epoch, stream_key(1, "a"))];
  for (const int times : count) EXPECT_NEAR(times, 1000, 150);
}

TEST(Shuffled, WorksForTheLargestSizes) {
  const std::uint64_t size = ~std::uint64_t{0};
  EXPECT_NE(shuffled(1, size, 0, {1, 2}), shuffled(2, size, 0, {1, 2}));
  EXPECT_EQ(shuffled(0, 1, 9, {1, 2}), 0u);
}

}  // namespace
}  // namespace dagfusion
