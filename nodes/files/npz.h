// Several arrays of float64 in one .npz archive, as numpy.savez writes them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "graph/values/tensor.h"
#include "nodes/files/npy.h"

namespace dagfusion {

struct RealArray {
  std::string name;
  Shape shape;
  std::span<const double> values;
};

// The file is whole or not there. Throws std::runtime_error.
void write_npz(const std::filesystem::path&, const std::vector<RealArray>&);

// All numbers of an array in float64, row by row.
std::vector<double> read_reals(const NpyFile&);

}  // namespace dagfusion
