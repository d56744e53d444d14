// Random numbers by counter: a number depends on (seed, stream, image, iteration, index) and on nothing else.
// Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3": Philox4x32-10.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dagfusion {

using Philox4 = std::array<std::uint32_t, 4>;

// Ten rounds of Philox4x32.
constexpr Philox4 philox(Philox4 counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// The numbers of one image in one stream (and one iteration of a loop): an endless list, block by block.
struct RandomStream {
  std::array<std::uint32_t, 2> key{};
  std::uint64_t image = 0;
  std::uint32_t iteration = 0;

  Philox4 block(std::uint32_t index) const {
    return philox(
        {static_cast<std::uint32_t>(image), static_cast<std::uint32_t>(image >> 32), iteration, index}, key);
  }
};

// Key of a named stream: FNV-1a of the name, mixed with the seed.
std::array<std::uint32_t, 2> stream_key(std::uint64_t seed, std::string_view stream);

// [0,1) with 24 bits, from one word.
constexpr float uniform01(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

// A number in [0, bound) from one 64-bit word, by multiply-shift: bias below bound/2^64.
constexpr std::uint64_t below(std::uint64_t bound, std::uint64_t word) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bound) * word) >> 64);
}

// Where item `index` of `size` goes in epoch `epoch`:
// a keyed bijection of [0, size) (a four-round Feistel network on the next even power of two,
// walked until it lands inside), so that any position is found in O(1).
std::uint64_t shuffled(std::uint64_t index, std::uint64_t size, std::uint64_t epoch,
                       std::array<std::uint32_t, 2> key);

}  // namespace dagfusion
