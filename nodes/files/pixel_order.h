// In which order the sides of an array of images stand, and where a pixel lies in one.
#pragma once

#include <cstdint>
#include <string>

#include "graph/values/tensor.h"

namespace dagfusion {

struct PixelStrides {
  std::int64_t channel = 0, row = 0, column = 0;
  bool operator==(const PixelStrides&) const = default;
};

struct PixelOrder {
  std::string name;  // "NHWC", "NCHW", "NHW"
  std::int64_t channels = 0, height = 0, width = 0;
  PixelStrides strides;  // in numbers, from the start of an image
};

// `wanted`: a name, or auto = by which side is 1 or 3. Throws std::runtime_error, to be put behind what the array is:
// "has 'x' [5,8,8,4]" + " with 4 channels; there must be 1 or 3".
PixelOrder pixel_order_of(const Shape&, const std::string& wanted);

}  // namespace dagfusion
