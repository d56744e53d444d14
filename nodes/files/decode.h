// Image files to pixels, with a message for every way in which a file can be wrong.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

inline constexpr std::int64_t kMostPixels = std::int64_t{64} << 20;

struct Decoding {
  int channels = 3;                                          // 1: grey, 3: red, green, blue
  std::array<std::uint8_t, 3> background = {255, 255, 255};  // shows through transparent pixels
  bool to_srgb = true;                                       // where a file has another colour profile
};

// What was done to a picture that nobody asked for.
struct DecodingNotes {
  bool animated = false;   // its first frame was taken
  bool pages = false;      // it has several, of which the first was taken
  bool converted = false;  // from its colour profile to sRGB
};

// The bytes of a PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL file, recognised by content, as pixels. 16 bits are
// rounded to 8. All are turned upright as they say. What a decoder would fill up or guess is an error. Throws
// std::runtime_error with what is wrong, to be put after the file's name: "has 100000x100000 pixels; the limit is …".
Image decode_image(std::span<const std::uint8_t> file, const Decoding&, DecodingNotes* notes = nullptr);

// One of several.
struct DecodedPicture {
  std::optional<Image> image;
  DecodingNotes notes;
  std::string wrong;  // with what decode_image() would have thrown
  bool has_to_come_alone() const { return !image && wrong.empty(); }
};

// As many, in their order. One that is large, or that stands behind some that are large together, has to come alone.
// Throws std::runtime_error when one of them, it is not known which, crashed the library.
std::vector<DecodedPicture> decode_images(std::span<const std::vector<std::uint8_t>> files, const Decoding&);

// All of a file that may be a picture; messages do not start with its name.
std::vector<std::uint8_t> read_picture_bytes(const std::filesystem::path& path);

// The same for a file; messages start with its name, and the image is called `name`.
Image read_image(const std::filesystem::path& path, const std::string& name, const Decoding&,
                 DecodingNotes* notes = nullptr);

}  // namespace dagfusion
