// CRC32C (Castagnoli; RFC 3720, appendix B.4): tells damaged bytes from whole ones.
#pragma once

#include <cstdint>
#include <span>

namespace dagfusion {

std::uint32_t crc32c(std::span<const std::uint8_t> bytes);

}  // namespace dagfusion
