// How much of a moving average is still what it started from.
#pragma once

#include <cmath>
#include <cstdint>

namespace dagfusion {

// decay^(n - 1): the average starts as a copy at the first of n updates.
inline double share_of_start(double decay, std::int64_t updates) {
  return std::pow(decay, static_cast<double>(updates - 1));
}

inline constexpr double kSlow = 0.5;  // from here on an average is more its start than what came since

}  // namespace dagfusion
