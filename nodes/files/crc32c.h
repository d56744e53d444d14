// CRC32C, the checksum of iSCSI and ext4 (RFC 3720, appendix B.4;
// polynomial 0x1EDC6F41): of "123456789" it is e3069283.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dagfusion {

// `before`: the checksum of all that stands in front of `data`.
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t before = 0);

}  // namespace dagfusion
