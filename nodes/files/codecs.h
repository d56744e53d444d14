// One decoder for each format, from a file's bytes to pixels and what stands beside them. All throw std::runtime_error
// without the file's name; none prints anything.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dagfusion {

// What a file holds beside the picture that is taken, its first.
enum class More : char { nothing, frames, pages };

// As a file has them: 1 channel grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha; rows from the top.
struct Decoded {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  int orientation = 1;                // EXIF's, 1 … 8
  std::vector<std::uint8_t> profile;  // ICC; empty: none
  More more = More::nothing;
};

inline constexpr const char* kDamaged = "cannot be decoded: it is damaged, or cut short";

Decoded decode_png(std::span<const std::uint8_t> file);
Decoded decode_jpeg(std::span<const std::uint8_t> file);
Decoded decode_webp(std::span<const std::uint8_t> file);
Decoded decode_bmp(std::span<const std::uint8_t> file);
Decoded decode_gif(std::span<const std::uint8_t> file);
Decoded decode_tiff(std::span<const std::uint8_t> file);
Decoded decode_heif(std::span<const std::uint8_t> file);
Decoded decode_avif(std::span<const std::uint8_t> file);
Decoded decode_jxl(std::span<const std::uint8_t> file);

// "has 100000x100000 pixels; the limit is 64 Mpixel", or "says it has 0x3 pixels".
void refuse_too_large(std::int64_t height, std::int64_t width);

// Colours that a library gives multiplied by alpha become what they are without it.
void divide_by_alpha(Decoded&);

// The orientation in an EXIF block, which is a TIFF file without a picture; 1 when it says none.
int exif_orientation(std::span<const std::uint8_t> tiff);

// Turns the pixels upright, so that orientation is 1.
void turn_upright(Decoded&);

// Grey and red, green, blue as the profile means them to sRGB; false when the profile is (nearly) sRGB, is for other
// channels, or cannot be used.
bool convert_to_srgb(Decoded&);

}  // namespace dagfusion
