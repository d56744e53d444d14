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

constexpr int kFour = 4;            // tiles whose transformed patches lie together
constexpr int kMostVectors = 3;     // of output channels in work at a time
constexpr int kMostLanes = 16;      // of a vector
constexpr int kInputsInWork = 128;  // input channels whose transformed weights stay near

// So many tiles are in work at a time: enough that transforming the weights for them costs little,
// and few enough that all their patches stay near.
inline int tiles_in_work(int tiles, int channels) {
  return std::min((tiles + kFour - 1) / kFour * kFour, std::clamp(32768 / channels / 8 * 8, 32, 128));
}

// The sums of the gradients are read and written once for so many tiles.
inline int tiles_in_gradient(int tiles) { return std::min((tiles + kFour - 1) / kFour * kFour, 128); }

// In floats. Not a power of two, or what lies at all 36 places would share the same few lines of a cache.
inline std::ptrdiff_t apart(std::ptrdiff_t floats) { return (floats + 15) / 16 * 16 + 16; }

// How scratch is laid out: floats from one of these to the next. Tiles lie in fours beside each other.
struct ScratchSteps {
  std::ptrdiff_t place, four, vector;  // vector: of input channels
};
// Transformed patches for products that sum over channels: [four tiles][place][vector of channels][tile][lane].
inline ScratchSteps patches_by_tiles(int channels, int lanes) {
  const std::ptrdiff_t place = apart(kFour * channels);
  return {place, kPlaces * place, kFour * lanes};
}
// For products that sum over tiles: [place][vector of channels][tile][lane].
inline ScratchSteps patches_by_channels(int channels, int lanes, int tiles) {
  return {apart(static_cast<std::ptrdiff_t>(tiles) * channels), kFour * lanes,
          static_cast<std::ptrdiff_t>(tiles) * lanes};
}
// Transformed weights: [vector of input channels][place][input channel][vector of output channels][lane].
inline ScratchSteps transformed_weights(int vectors, int lanes) {
  const std::ptrdiff_t place = apart(lanes * vectors * lanes);
  return {place, 0, kPlaces * place};
}
// Sums for some output channels, not transformed back: [four tiles][place][tile][vector of output channels][lane].
inline ScratchSteps sums_of_tiles(int vectors, int lanes) {
  const std::ptrdiff_t place = apart(kFour * vectors * lanes);
  return {place, kPlaces * place, 0};
}
// Transformed gradients of some output channels: [place][tile][vector of output channels][lane].
inline ScratchSteps gradients_by_tiles(int vectors, int lanes, int tiles) {
  return {apart(tiles * vectors * lanes), kFour * vectors * lanes, 0};
}

// Sums of gradients of the weights, not transformed back:
// [vectors of output channels][vector of input channels][place][input channel][vector of output channels][lane].
inline ScratchSteps sums_of_weights(int vectors, int lanes) {
  const std::ptrdiff_t place = (lanes * vectors + 1) * lanes;
  return {place, 0, kPlaces * place};
}

// Floats that these take, at most.
inline std::ptrdiff_t most_patches_by_tiles(int tiles, int channels) {
  return tiles / kFour * patches_by_tiles(channels, kMostLanes).four;
}
inline std::ptrdiff_t most_transformed_weights(int inputs) {
  return (std::min(inputs, kInputsInWork) + kMostLanes - 1) / kMostLanes *
         transformed_weights(kMostVectors, kMostLanes).vector;
}
inline std::ptrdiff_t most_sums_of_tiles(int tiles) {
  return tiles / kFour * sums_of_tiles(kMostVectors, kMostLanes).four;
}

}  // namespace dagfusion::kernels
