// Golden files: tensors by name, in the safetensors format, float32 only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tests/one_node.h"

namespace dagfusion::tests {

// tests/golden/NAME: 8 bytes with the length of a JSON header, the header, the data.
inline std::map<std::string, Plain> read_golden(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(DAGFUSION_GOLDEN) / name;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 8) throw std::runtime_error("cannot read " + path.string());
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  std::map<std::string, Plain> tensors;
  const nlohmann::json header = nlohmann::json::parse(bytes.substr(8, header_size));
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") continue;
    Plain& tensor = tensors[key];
    tensor.shape = entry.at("shape").get<Shape>();
    tensor.values.resize(count_of(tensor.shape));
    const std::size_t offset = entry.at("data_offsets").at(0).get<std::size_t>();
    const std::size_t size = tensor.values.size() * sizeof(float);
    if (8 + header_size + offset + size > bytes.size())
      throw std::runtime_error(path.string() + " is too short");
    std::memcpy(tensor.values.data(), bytes.data() + 8 + header_size + offset, size);
  }
  return tensors;
}

// The largest difference, in units of the largest value of `want`.
inline double relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  if (got.size() != want.size()) throw std::runtime_error("golden values of another size");
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference = std::max(difference, std::abs(double{got[i]} - double{want[i]}));
    largest = std::max(largest, std::abs(double{want[i]}));
    if (got[i] != got[i]) return INFINITY;
  }
  return difference / largest;
}

}  // namespace dagfusion::tests
