// Where memory begins: at a line of the cache, which is also the widest vector.
#pragma once

#include <cstddef>

namespace dagfusion {

inline constexpr std::size_t kAlignment = 64;  // bytes

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr std::size_t aligned(std::size_t bytes) { return round_up(bytes, kAlignment); }

}  // namespace dagfusion
