#include "nodes/files/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

Bytes numbers(std::size_t count, unsigned most) {
  std::mt19937 random(3);
  Bytes made(count);
  for (std::uint8_t& byte : made) byte = static_cast<std::uint8_t>(random() % most);
  return made;
}

TEST(Deflate, IsReadByZlibAndReadsWhatZlibWrote) {
  for (const std::size_t count : {0, 1, 100, 70'000})
    for (const unsigned most : {1, 7, 256})
      for (const int level : {1, 4, 9}) {
        const Bytes plain = numbers(count, most);
        Bytes packed(most_deflated_bytes(count)), back(count);
        packed.resize(deflate_all(plain, level, packed));
        auto length = static_cast<uLongf>(count);
        Bytes room(count + 1);
        EXPECT_EQ(uncompress(room.data(), &length, packed.data(), packed.size()), Z_OK);
        EXPECT_TRUE(std::equal(plain.begin(), plain.end(), room.begin()));
        EXPECT_TRUE(inflate_all(packed, back));
        EXPECT_EQ(back, plain);
        uLongf theirs = compressBound(count);
        packed.resize(theirs);
        ASSERT_EQ(compress2(packed.data(), &theirs, plain.data(), count, level), Z_OK);
        packed.resize(theirs);
        EXPECT_TRUE(inflate_all(packed, back));
        EXPECT_EQ(back, plain);
      }
}

TEST(Deflate, RefusesWhatIsCutShortDamagedOrOfAnotherLength) {
  const Bytes plain = numbers(5000, 7);
  Bytes packed(most_deflated_bytes(plain.size()));
  packed.resize(deflate_all(plain, 4, packed));
  Bytes shorter(4999), longer(5001), right(5000);
  EXPECT_FALSE(inflate_all(packed, shorter));
  EXPECT_FALSE(inflate_all(packed, longer));
  EXPECT_FALSE(inflate_all(std::span(packed).first(packed.size() - 1), right));
  for (std::size_t at = 0; at < packed.size(); at += 13) {
    Bytes damaged = packed;
    damaged[at] ^= 4;
    EXPECT_FALSE(inflate_all(damaged, right)) << at;
  }
}

}  // namespace
}  // namespace dagfusion::tests
