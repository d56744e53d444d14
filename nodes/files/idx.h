// IDX files of bytes, as MNIST is distributed, compressed by gzip or not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

struct IdxFile {
  Shape shape;
  std::vector<std::uint8_t> bytes;  // row-major
};

// Throws std::runtime_error that names the file: no such file, other numbers than bytes, cut short.
IdxFile read_idx(const std::filesystem::path&);

}  // namespace dagfusion
