// zlib streams that are compressed and inflated in one piece, by libdeflate: two to three times as fast as zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dagfusion {

// Bytes that so many bytes take at the most.
std::size_t most_deflated_bytes(std::size_t bytes);

// level: 1 = fast … 9 = small. `to`: most_deflated_bytes(). Returns how many of it were filled.
std::size_t deflate_all(std::span<const std::uint8_t> bytes, int level, std::span<std::uint8_t> to);

// Whether `packed` starts with a whole zlib stream that gives `bytes` and no more.
bool inflate_all(std::span<const std::uint8_t> packed, std::span<std::uint8_t> bytes);

// Both work in memory that each thread keeps, and throw std::bad_alloc when there is none.

}  // namespace dagfusion
