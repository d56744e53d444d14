#include "nodes/files/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace dagfusion {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}

std::uint32_t by_table(std::span<const std::byte> data, std::uint32_t crc) {
  static constexpr std::array<std::uint32_t, 256> table = make_table();
  for (const std::byte byte : data)
    crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 255];
  return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::span<const std::byte> data,
                                                               std::uint32_t crc) {
  std::uint64_t wide = crc;
  for (; data.size() >= 8; data = data.subspan(8)) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : data) crc = _mm_crc32_u8(crc, std::to_integer<std::uint8_t>(byte));
  return crc;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t before) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  return ~(has_instruction ? by_instruction(data, ~before) : by_table(data, ~before));
}

}  // namespace dagfusion
