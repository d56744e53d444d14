// GIF, by giflib: GIF89a, CompuServe 1990. The first picture, on its canvas; around it, and where it says so, transparent.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

struct Closes {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

int take_bytes(GifFileType* gif, GifByteType* to, int count) {
  auto& left = *static_cast<std::span<const std::uint8_t>*>(gif->UserData);
  const auto taken = std::min(left.size(), static_cast<std::size_t>(count));
  std::copy_n(left.begin(), taken, to);
  left = left.subspan(taken);
  return static_cast<int>(taken);
}

void expect(int result) {
  if (result != GIF_OK) throw std::runtime_error(kDamaged);
}

// What stands before a picture: which colour is transparent, -1: none.
int take_extension(GifFileType* gif, int transparent) {
  int kind = 0;
  GifByteType* block = nullptr;
  expect(DGifGetExtension(gif, &kind, &block));
  while (block) {
    GraphicsControlBlock control{};
    if (kind == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
      transparent = control.TransparentColor;
    expect(DGifGetExtensionNext(gif, &block));
  }
  return transparent;
}

// Interlaced pictures have every eighth row first, then those between.
std::vector<int> order_of_rows(int height, bool interlaced) {
  struct Pass {
    int first, step;
  };
  constexpr std::array<Pass, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  std::vector<int> rows;
  if (!interlaced)
    for (int y = 0; y < height; ++y) rows.push_back(y);
  else
    for (const Pass& pass : kPasses)
      for (int y = pass.first; y < height; y += pass.step) rows.push_back(y);
  return rows;
}

void take_picture(GifFileType* gif, int transparent, Decoded& canvas) {
  expect(DGifGetImageDesc(gif));
  const GifImageDesc& picture = gif->Image;
  const ColorMapObject* colours = picture.ColorMap ? picture.ColorMap : gif->SColorMap;
  if (!colours || picture.Left < 0 || picture.Top < 0 || picture.Width < 1 || picture.Height < 1 ||
      picture.Left > canvas.width - picture.Width || picture.Top > canvas.height - picture.Height)
    throw std::runtime_error(kDamaged);
  std::vector<GifPixelType> row(static_cast<std::size_t>(picture.Width));
  for (const int y : order_of_rows(picture.Height, picture.Interlace)) {
    expect(DGifGetLine(gif, row.data(), picture.Width));
    std::uint8_t* to = canvas.pixels.data() +
                       (static_cast<std::size_t>(y + picture.Top) * static_cast<std::size_t>(canvas.width) +
                        static_cast<std::size_t>(picture.Left)) *
                           4;
    for (const GifPixelType number : row) {
      if (number >= colours->ColorCount) throw std::runtime_error(kDamaged);
      const GifColorType& colour = colours->Colors[number];
      const std::uint8_t alpha = number == transparent ? 0 : 255;
      to = std::copy_n(std::array{colour.Red, colour.Green, colour.Blue, alpha}.data(), 4, to);
    }
  }
}

}  // namespace

Decoded decode_gif(std::span<const std::uint8_t> file) {
  int problem = 0;
  std::span<const std::uint8_t> left = file;
  const std::unique_ptr<GifFileType, Closes> gif(DGifOpen(&left, take_bytes, &problem));
  if (!gif || gif->SWidth < 1 || gif->SHeight < 1) throw std::runtime_error(kDamaged);
  refuse_too_large(gif->SHeight, gif->SWidth);
  Decoded canvas{.height = gif->SHeight, .width = gif->SWidth, .channels = 4};
  canvas.pixels.resize(static_cast<std::size_t>(canvas.height) * static_cast<std::size_t>(canvas.width) * 4);
  int transparent = NO_TRANSPARENT_COLOR;
  bool taken = false;
  for (;;) {
    GifRecordType record{};
    expect(DGifGetRecordType(gif.get(), &record));
    if (record == EXTENSION_RECORD_TYPE) {
      transparent = take_extension(gif.get(), transparent);
    } else if (record == IMAGE_DESC_RECORD_TYPE && !taken) {
      take_picture(gif.get(), transparent, canvas);
      taken = true;
    } else if (record == IMAGE_DESC_RECORD_TYPE) {
      canvas.more = More::frames;
      break;
    } else {
      break;
    }
  }
  if (!taken) throw std::runtime_error("is a GIF file without a picture");
  return canvas;
}

}  // namespace dagfusion
