// How Winograd's algorithm cuts feature maps into tiles, and its scratch into pieces.
#pragma once

#include <algorithm>
#include <cstddef>

#include "nodes/kernels/convolution.h"

namespace dagfusion::kernels {

constexpr int kTile = 4, kTaps = 3, kPatch = 6, kPlaces = 36;  // sides; the places of a transformed patch

// Feature maps as tiles of 4x4 cover them; those at the bottom and on the right may reach beyond.
struct Maps {
  int images, channels, height, width, block;
  int across() const { return (width + kTile - 1) / kTile; }
  int tiles_of_image() const { return across() * ((height + kTile - 1) / kTile); }
  int tiles() const { return images * tiles_of_image(); }
  std::ptrdiff_t pixels() const { return static_cast<std::ptrdiff_t>(height) * width; }
  // Where channel c of an image begins.
  std::ptrdiff_t at(int image, int c) const {
    return image * pixels() * channels + c / block * pixels() * block + c % block;
  }
};
inline Maps inputs_of(const ConvolutionShape& s) {
  return {s.images, s.channels_in, s.height, s.width, s.block};
}
inline Maps outputs_of(const ConvolutionShape& s) {
  return {s.images, s.channels_out, s.out_height, s.out_width, s.block};
}

// The image, first row and first column of a tile, and how many of its rows and columns lie inside.
struct TilePlace {
  TilePlace(const Maps& maps, int tile)
      : image(tile / maps.tiles_of_image()),
        row(tile % maps.tiles_of_image() / maps.across() * kTile),
        column(tile % maps.tiles_of_image() % maps.across() * kTile),
        rows(std::min(kTile, maps.height - row)),
        columns(std::min(kTile, maps.width - column)) {}
  // Where channel c of its first pixel lies.
  std::ptrdiff_t at(const Maps& maps, int c) const {
    return maps.at(image, c) + (static_cast<std::ptrdiff_t>(row) * maps.width + column) * maps.block;
  }
  int image, row, column, rows, columns;
};

// So many tiles are in work at a time: enough that transforming the weights for them costs little,
// and few enough that one place of all their patches stays near.
inline int tiles_in_work(int tiles, int channels) {
  return std::min(tiles, std::clamp(32768 / channels / 8 * 8, 32, 128));
}

// Floats from one of the 36 places to the next:
// not a power of two, or all would share the same few lines of a cache.
inline std::ptrdiff_t place_step(std::ptrdiff_t floats) { return (floats + 15) / 16 * 16 + 16; }

constexpr int kInputsInWork = 128;                // input channels whose transformed weights stay near
constexpr int kMostVectors = 3, kMostLanes = 16;  // of output channels in work at a time

}  // namespace dagfusion::kernels
