// What an image file says about itself in its first bytes, read without decoding anything.
#pragma once

#include <cstdint>
#include <span>

namespace dagfusion {

enum class ImageFormat { png, jpeg, webp, bmp };

struct ImageHeader {
  ImageFormat format;
  std::int64_t height = 0, width = 0;
  std::size_t body = 0;  // JPEG: where the compressed picture starts
};

// Throws std::runtime_error: "is neither a PNG, JPEG, WebP nor BMP file", "is cut short in its header".
ImageHeader read_image_header(std::span<const std::uint8_t> file);

}  // namespace dagfusion
