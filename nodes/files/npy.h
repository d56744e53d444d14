// Arrays as NumPy saves them: one value of one shape in a .npy file.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 and 2.0.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

struct NpyArray {
  DType dtype = DType::f32;  // u8, u16, i32 or f32
  Shape shape;
  std::vector<std::byte> bytes;  // row-major
};

// Throws std::runtime_error for what is no such file, cut short, in Fortran order, big-endian,
// or of another type (float64 and int64 are named with what NumPy can turn them into).
NpyArray read_npy(const std::filesystem::path&);

void write_npy(const std::filesystem::path&, DType, const Shape&, std::span<const std::byte>);

}  // namespace dagfusion
