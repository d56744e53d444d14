#include "nodes/files/png_file.h"

#include <fmt/format.h>
#include <png.h>
#include <zlib.h>

#include <stdexcept>

#include "nodes/files/many_files.h"

namespace dagfusion {

namespace {

struct Writing {  // libpng's objects, gone with it
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Writing() { png_destroy_write_struct(&png, &info); }
};

[[noreturn]] void fail(png_structp, png_const_charp why) { throw std::runtime_error(why); }
void stay_silent(png_structp, png_const_charp) {}
void no_flush(png_structp) {}

void append(png_structp png, png_bytep bytes, png_size_t count) {
  auto& all = *static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
  all.insert(all.end(), bytes, bytes + count);
}

}  // namespace

std::vector<std::uint8_t> encoded_png(std::span<const std::uint8_t> pixels, int height, int width,
                                      int channels) {
  if (height < 1 || width < 1 || (channels != 1 && channels != 3))
    throw std::runtime_error(fmt::format(
        "a picture of {}x{} pixels with {} channels cannot be encoded as PNG", width, height, channels));
  std::vector<std::uint8_t> encoded;
  Writing writing;
  writing.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, stay_silent);
  if (writing.png) writing.info = png_create_info_struct(writing.png);
  if (!writing.info) throw std::bad_alloc();
  png_set_write_fn(writing.png, &encoded, append, no_flush);
  png_set_IHDR(writing.png, writing.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               8, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // Quick rather than small: pictures are drawn while a training waits.
  png_set_filter(writing.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
  png_set_compression_level(writing.png, Z_BEST_SPEED);
  png_set_compression_strategy(writing.png, Z_RLE);
  png_write_info(writing.png, writing.info);
  const std::size_t row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  for (int y = 0; y < height; ++y) png_write_row(writing.png, &pixels[static_cast<std::size_t>(y) * row]);
  png_write_end(writing.png, writing.info);
  return encoded;
}

void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels, int height, int width,
               int channels) {
  ManyFiles one;
  one.add(path, encoded_png(pixels, height, width, channels));
  one.publish();
}

std::filesystem::path free_path(const std::filesystem::path& path) {
  std::filesystem::path candidate = path;
  for (int number = 2; std::filesystem::exists(candidate); ++number)
    candidate =
        path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), number, path.extension().string());
  return candidate;
}

}  // namespace dagfusion
