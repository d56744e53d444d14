#include "graph/values/random.h"

#include <bit>

namespace dagfusion {

namespace {

// Fowler, Noll, Vo: FNV-1a with 64 bits.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3u;
  }
  return hash;
}

// Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators":
// SplitMix64's next number after state x.
std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::array<std::uint32_t, 2> stream_key(std::uint64_t seed, std::string_view stream) {
  // The seed is mixed before it meets the name: else seed 1 of one name could be seed 2 of another.
  const std::uint64_t key = splitmix64(splitmix64(seed) ^ fnv1a(stream));
  return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

std::uint64_t shuffled(std::uint64_t index, std::uint64_t size, std::uint64_t epoch,
                       std::array<std::uint32_t, 2> key) {
  if (size <= 1) return 0;
  const int half = (static_cast<int>(std::bit_width(size - 1)) + 1) / 2;  // bits on each side
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  const auto low = static_cast<std::uint32_t>(epoch), high = static_cast<std::uint32_t>(epoch >> 32);
  do {
    std::uint64_t left = index >> half, right = index & mask;
    for (std::uint32_t round = 0; round < 4; ++round) {
      const std::uint64_t mixed = philox({static_cast<std::uint32_t>(right), round, low, high}, key)[0];
      const std::uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    index = left << half | right;
  } while (index >= size);  // the walk ends: it stays on one cycle, and that holds the first index
  return index;
}

}  // namespace dagfusion
