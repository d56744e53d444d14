// An image on its way into a packed file: its pixels as they are stored, compressed, and what is known of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "graph/values/tensor.h"

namespace dagfusion {

constexpr std::size_t kMostPackedChannels = 3;

// Lies in a slot of a frame, and in the list of an unfinished file.
struct PackedFacts {
  std::uint32_t bytes = 0;       // that it takes, packed
  std::uint32_t packed_crc = 0;  // CRC32C of these
  std::uint32_t crc = 0;         // CRC32C of the pixels as they are stored
  std::uint32_t is_outside = 0;  // it holds a number outside of what the file may hold
  double outside = 0;            // that number
  std::array<double, kMostPackedChannels> sums{}, squares{};  // over its pixels
};

class PixelPacker {
 public:
  // images: [N,C,H,W] u8, u16 or f32; deflate: 1 = fast … 9 = small.
  PixelPacker(const TensorSpec& images, int deflate);

  std::size_t pixel_bytes() const { return bytes_; }
  std::size_t most_packed_bytes() const;
  std::size_t scratch_bytes() const;  // that pack() works in, aligned to 16

  // Image `number` of a frame, on any thread. Throws std::runtime_error.
  PackedFacts pack(const void* frame, int number, std::span<std::uint8_t> packed, std::byte* scratch) const;

 private:
  template <class T>
  void take_pixels(const T* planes, T* pixels, PackedFacts&) const;

  DType dtype_;
  std::int64_t channels_, pixels_;
  std::size_t item_bytes_, bytes_;
  int deflate_;
};

}  // namespace dagfusion
