// Which numbers of an image are black and white.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace dagfusion {

struct PixelRange {
  double black = 0, white = 255;

  std::string name() const;  // "0 … 255"
  float to_signed(double value) const {
    return static_cast<float>((value - black) / (white - black) * 2 - 1);
  }
  double to_byte(double value) const { return (value - black) / (white - black) * 255; }
};

// The usual range that all of `values` lie in: 0 … 1, -1 … 1, 0 … 255 or, for whole numbers of two bytes, 0 … 65535.
// Nothing when they lie in none of them.
std::optional<PixelRange> usual_range(std::span<const float> values, bool two_bytes);

// The first number outside the range, or none at all (nan); a little rounding is allowed.
std::optional<float> first_outside(const PixelRange&, std::span<const float> values);

}  // namespace dagfusion
