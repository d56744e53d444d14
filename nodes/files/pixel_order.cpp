#include "nodes/files/pixel_order.h"

#include <fmt/format.h>

#include <stdexcept>

#include "nodes/files/decode.h"

namespace dagfusion {
namespace {

bool is_channels(std::int64_t side) { return side == 1 || side == 3 || side == 4; }

}  // namespace

PixelOrder pixel_order_of(const Shape& s, const std::string& wanted) {
  if (s.size() != 3 && s.size() != 4)
    throw std::runtime_error(
        fmt::format(" with {} sides; they must be [N,H,W,C], [N,C,H,W] or [N,H,W]", s.size()));
  PixelOrder order{.name = wanted};
  if (wanted == "auto")
    order.name = s.size() == 3 ? "NHW" : is_channels(s[3]) ? "NHWC" : is_channels(s[1]) ? "NCHW" : "NHWC";
  if (order.name.size() != s.size())
    throw std::runtime_error(fmt::format(", which is not [N,H,W,C] in the order {}", order.name));
  order.channels = order.name == "NHW" ? 1 : order.name == "NHWC" ? s[3] : s[1];
  order.height = order.name == "NCHW" ? s[2] : s[1];
  order.width = order.name == "NCHW" ? s[3] : s[2];
  if (!is_channels(order.channels))
    throw std::runtime_error(
        fmt::format(" with {} channels; there must be 1, 3, or 4 with alpha", order.channels));
  if (order.height > kMostPixels || order.width > kMostPixels || order.height * order.width > kMostPixels)
    throw std::runtime_error(fmt::format(" of {}x{} pixels; the limit is {} Mpixel", order.width,
                                         order.height, kMostPixels >> 20));
  order.strides = order.name == "NCHW" ? PixelStrides{order.height * order.width, order.width, 1}
                                       : PixelStrides{1, order.width * order.channels, order.channels};
  return order;
}

}  // namespace dagfusion
