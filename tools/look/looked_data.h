// A data set as a person looks at it: its pictures one by one, wherever they lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

struct LookedData {
  std::string kind;  // "a folder of pictures", "an HDF5 file"
  std::int64_t count = 0;
  std::vector<std::string> classes, notes;
  std::function<std::int32_t(std::int64_t)> label;  // -1: none
  std::function<std::string(std::int64_t)> name;
  std::function<Image(std::int64_t)> read;  // throws std::runtime_error for what is damaged
};

// A folder, .zip, .tar (compressed or not), an HDF5 or IDX file, .npy, .npz, CIFAR's files; several of some where the path has
// * in it. Throws std::runtime_error.
LookedData look_at_data(const std::string& path, const std::string& key);

}  // namespace dagfusion
