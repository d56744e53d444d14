// What stands in front of the numbers of a .npy file: magic number, version, and a Python dictionary of type and shape.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graph/values/tensor.h"
#include "nodes/files/number_format.h"

namespace dagfusion {

inline constexpr std::size_t kMostNpyHeader = 1 << 16;  // bytes

struct NpyHeader {
  std::size_t bytes = 0;  // before the numbers
  NumberFormat stored;
  Shape shape;
  bool fortran = false;  // the first index moves fastest
};

// `text`: the start of the file. Throws std::runtime_error without the file's name.
NpyHeader read_npy_header(std::string_view text);

std::string npy_header(const std::string& type, const Shape&);  // "<f4"

}  // namespace dagfusion
