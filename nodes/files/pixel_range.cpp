#include "nodes/files/pixel_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace dagfusion {

std::string PixelRange::name() const { return fmt::format("{:g} … {:g}", black, white); }

std::optional<PixelRange> usual_range(std::span<const float> values, bool two_bytes) {
  if (two_bytes) return PixelRange{0, 65535};
  float least = INFINITY, most = -INFINITY;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;  // reading it is an error
    least = std::min(least, value);
    most = std::max(most, value);
  }
  constexpr float kRounding = 1e-3F;
  for (const PixelRange range : {PixelRange{0, 1}, PixelRange{-1, 1}, PixelRange{0, 255}})
    if (least >= static_cast<float>(range.black) - kRounding &&
        most <= static_cast<float>(range.white) + kRounding)
      return range;
  return std::nullopt;
}

std::optional<float> first_outside(const PixelRange& range, std::span<const float> values) {
  const double slack = 1e-3 * (range.white - range.black);
  const auto least = static_cast<float>(range.black - slack), most = static_cast<float>(range.white + slack);
  for (const float value : values)
    if (!(value >= least && value <= most)) return value;
  return std::nullopt;
}

}  // namespace dagfusion
