#include "graph/values/tensor.h"

#include <fmt/format.h>

#include <stdexcept>

namespace dagfusion {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return 1;
    case DType::u16:
      return 2;
    case DType::i32:
      return 4;
    case DType::f32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::images:
      return 0;
  }
  throw std::logic_error("size_of: no such dtype");
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return "u8";
    case DType::u16:
      return "u16";
    case DType::i32:
      return "i32";
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::images:
      return "images";
  }
  throw std::logic_error("name_of: no such dtype");
}

bool convertible(DType from, DType to) {
  const auto is_float = [](DType d) { return d == DType::f32 || d == DType::bf16; };
  return from == to || (is_float(from) && is_float(to));
}

std::int64_t count_of(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

std::size_t TensorSpec::stored_elements() const {
  if (block == 1) return static_cast<std::size_t>(count_of(shape));
  if (shape.size() != 4)
    throw std::logic_error("only 4-dimensional values are blocked, not " + to_string(shape));
  return static_cast<std::size_t>(shape[0] * filled_up(shape[1], block) * shape[2] * shape[3]);
}

std::string to_string(const TensorSpec& spec) {
  std::string text = fmt::format("{} {}", to_string(spec.shape), name_of(spec.dtype));
  if (spec.block > 1) text += fmt::format(" blocked by {}", spec.block);
  return text;
}

}  // namespace dagfusion
