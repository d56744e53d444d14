// PNG, by libpng: W3C, Portable Network Graphics. tRNS becomes alpha for every kind of pixel, 16 bits are rounded to 8.
#include <png.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

constexpr png_alloc_size_t kMostChunk = 64 << 20;  // of one chunk that is no picture

// libpng's objects, gone with it.
struct Reading {
  std::span<const std::uint8_t> left;
  png_structp png = nullptr;
  png_infop info = nullptr, end = nullptr;
  ~Reading() { png_destroy_read_struct(&png, &info, &end); }
};

[[noreturn]] void fail(png_structp, png_const_charp) { throw std::runtime_error(kDamaged); }
void stay_silent(png_structp, png_const_charp) {}

void take_bytes(png_structp png, png_bytep to, png_size_t count) {
  auto& left = static_cast<Reading*>(png_get_io_ptr(png))->left;
  if (count > left.size()) fail(png, nullptr);
  std::copy_n(left.begin(), count, to);
  left = left.subspan(count);
}

// acTL stands before the picture of an animated PNG.
bool is_animated(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSignature = 8, kAround = 12;  // length, name and checksum
  for (std::size_t at = kSignature; at + kAround <= file.size();) {
    const std::uint64_t length = png_get_uint_32(file.data() + at);
    if (std::memcmp(file.data() + at + 4, "acTL", 4) == 0) return true;
    if (std::memcmp(file.data() + at + 4, "IDAT", 4) == 0) return false;
    if (length > file.size()) return false;
    at += kAround + length;
  }
  return false;
}

void take_metadata(const Reading& reading, png_infop from, Decoded& decoded) {
  png_bytep exif = nullptr;
  png_uint_32 exif_bytes = 0;
  if (png_get_eXIf_1(reading.png, from, &exif_bytes, &exif) != 0 && decoded.orientation == 1)
    decoded.orientation = exif_orientation({exif, exif_bytes});
  png_charp name = nullptr;
  png_bytep profile = nullptr;
  png_uint_32 profile_bytes = 0;
  int method = 0;
  if (png_get_iCCP(reading.png, from, &name, &method, &profile, &profile_bytes) != 0)
    decoded.profile.assign(profile, profile + profile_bytes);
}

}  // namespace

Decoded decode_png(std::span<const std::uint8_t> file) {
  Reading reading{.left = file};
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, stay_silent);
  if (reading.png) reading.info = png_create_info_struct(reading.png);
  if (reading.info) reading.end = png_create_info_struct(reading.png);
  if (!reading.end) throw std::bad_alloc();
  png_set_read_fn(reading.png, &reading, take_bytes);
  png_set_user_limits(reading.png, 0x7FFFFFFF, 0x7FFFFFFF);  // the number of pixels is bounded by now
  png_set_chunk_malloc_max(reading.png, kMostChunk);
  png_set_crc_action(reading.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_read_info(reading.png, reading.info);
  png_set_expand(reading.png);
  png_set_scale_16(reading.png);
  png_set_interlace_handling(reading.png);
  png_read_update_info(reading.png, reading.info);

  Decoded decoded{.height = static_cast<int>(png_get_image_height(reading.png, reading.info)),
                  .width = static_cast<int>(png_get_image_width(reading.png, reading.info)),
                  .channels = png_get_channels(reading.png, reading.info)};
  const std::size_t row = png_get_rowbytes(reading.png, reading.info);
  if (row != static_cast<std::size_t>(decoded.width) * static_cast<std::size_t>(decoded.channels))
    throw std::runtime_error(kDamaged);
  decoded.pixels.resize(row * static_cast<std::size_t>(decoded.height));
  std::vector<png_bytep> rows;
  for (int y = 0; y < decoded.height; ++y)
    rows.push_back(decoded.pixels.data() + static_cast<std::size_t>(y) * row);
  png_read_image(reading.png, rows.data());
  png_read_end(reading.png, reading.end);
  take_metadata(reading, reading.info, decoded);
  take_metadata(reading, reading.end, decoded);
  if (is_animated(file)) decoded.more = More::frames;
  return decoded;
}

}  // namespace dagfusion
