// Bytes as text, for pictures inside pages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dagfusion {

std::string base64(std::span<const std::uint8_t> bytes);
std::string png_in_page(std::string_view png);  // what stands in `src`

}  // namespace dagfusion
