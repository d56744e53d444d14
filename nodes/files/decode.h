// Image files to pixels, with a message for every way in which a file can be wrong.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>

#include "graph/values/tensor.h"

namespace dagfusion {

inline constexpr std::int64_t kMostPixels = std::int64_t{64} << 20;

struct Decoding {
  int channels = 3;                                          // 1: grey, 3: red, green, blue
  std::array<std::uint8_t, 3> background = {255, 255, 255};  // shows through transparent pixels
};

// The bytes of a PNG, JPEG, WebP or BMP file, recognised by content, as pixels. 16 bits are rounded to 8.
// JPEG files are turned upright as their EXIF orientation says; the other formats are taken as they are
// stored. Throws std::runtime_error with what is wrong, to be put after the file's name: "has 100000x100000
// pixels; the limit is …".
Image decode_image(std::span<const std::uint8_t> file, const Decoding&);

// The same for a file; messages start with its name, and the image is called `name`.
Image read_image(const std::filesystem::path& path, const std::string& name, const Decoding&);

}  // namespace dagfusion
