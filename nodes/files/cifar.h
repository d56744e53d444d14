// CIFAR-10 and CIFAR-100 as they are distributed: the binary version and the python one, unpacked or in their archive.
// Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html. A pickle is read without running anything of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dagfusion {

inline constexpr std::int64_t kCifarSide = 32, kCifarPixels = 3 * kCifarSide * kCifarSide;

struct CifarSet {
  std::vector<std::uint8_t> pixels;  // [N,3,32,32]
  std::vector<std::int32_t> labels;  // of CIFAR-100 the fine ones
  std::vector<std::string> classes;  // names, by label; empty: it knows none
  std::vector<std::string> names;    // of the images; empty: the binary version has none
  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

enum class CifarPart { train, test, all };

// `path`: a folder (or one that holds cifar-10-batches-py or its like), the .tar.gz as it was downloaded, or files. `part`
// chooses among those of a folder or archive. Throws std::runtime_error that names the file.
CifarSet read_cifar(const std::string& path, CifarPart part);

}  // namespace dagfusion
