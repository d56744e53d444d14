// One image, from planes [channels, height, width] as it travels in a batch
// to pixels [height, width, channels] as files and OpenCV have it, and back.
// `row` is the distance from one row of pixels to the next, in bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dagfusion {

inline void planes_to_pixels(const std::uint8_t* planes, std::int64_t channels, std::int64_t height,
                             std::int64_t width, std::uint8_t* pixels, std::int64_t row) {
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x)
        pixels[y * row + x * channels + c] = planes[(c * height + y) * width + x];
}

inline void pixels_to_planes(const std::uint8_t* pixels, std::int64_t row, std::int64_t channels,
                             std::int64_t height, std::int64_t width, std::uint8_t* planes) {
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x)
        planes[(c * height + y) * width + x] = pixels[y * row + x * channels + c];
}

}  // namespace dagfusion
