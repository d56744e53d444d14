// What an image file says about itself in its first bytes, read without decoding anything.
#pragma once

#include <cstdint>
#include <span>

namespace dagfusion {

enum class ImageFormat { png, jpeg, webp, bmp, gif, tiff, heif, avif, jxl };

struct ImageHeader {
  ImageFormat format;
  std::int64_t height = 0, width = 0;
  std::size_t body = 0;  // JPEG: where the compressed picture starts
  bool has_size = true;  // false: it stands deeper inside, and the decoder will say
};

// Throws std::runtime_error: "is no picture of a known format (…)", "is cut short in its header".
ImageHeader read_image_header(std::span<const std::uint8_t> file);

}  // namespace dagfusion
