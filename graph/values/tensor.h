// What travels along the edges: dtype, shape and memory layout of one value of one frame.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

// `images`: a list of pictures of different sizes; it has no shape but [N] and lives outside planned memory.
enum class DType : std::uint8_t { u8, u16, i32, f32, bf16, images };

std::size_t size_of(DType);  // bytes of one element; 0 for images
std::string_view name_of(DType);
bool convertible(DType from, DType to);  // by the checker: equal, or both f32 or bf16

using Shape = std::vector<std::int64_t>;

std::int64_t count_of(const Shape&);  // product of the sides, 1 for a scalar
std::string to_string(const Shape&);  // "[8,3,32,32]"

// Channels are stored in blocks; what only fills the last block up is zero.
template <std::integral Count>
constexpr Count blocks_of(Count channels, int block) {
  return (channels + static_cast<Count>(block) - 1) / static_cast<Count>(block);
}
template <std::integral Count>
constexpr Count filled_up(Count channels, int block) {  // to whole blocks
  return blocks_of(channels, block) * static_cast<Count>(block);
}

struct TensorSpec {
  DType dtype = DType::f32;
  Shape shape;
  // Channels stored together. 1: plain row-major [N,C,H,W]. b > 1: [N, ceil(C/b), H, W, b]; channels that
  // only fill the last block up are zero. Only 4-dimensional values are blocked.
  int block = 1;

  std::size_t stored_elements() const;  // with the filling
  std::size_t image_elements() const { return stored_elements() / static_cast<std::size_t>(shape[0]); }
  std::size_t bytes() const { return stored_elements() * size_of(dtype); }
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

std::string to_string(const TensorSpec&);  // "[8,3,32,32] f32", "[8,64,32,32] f32 blocked by 8"

// One picture of any size. Pixels are [height, width, channels], channels in the order red, green, blue.
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  std::string name = {};  // of the file it came from, for messages
};

}  // namespace dagfusion
