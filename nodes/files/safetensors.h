// safetensors: named tensors in one file, read by most tools that know neural networks.
// The format is that of https://github.com/huggingface/safetensors:
// u64 length of the header, the header (JSON), the values row by row.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/types/node.h"

namespace dagfusion {

using Metadata = std::map<std::string, std::string>;

struct WrittenFile {
  std::uint64_t bytes;
  std::uint32_t crc32c;
};

// Bytes that the file will have.
std::uint64_t safetensors_bytes(std::vector<StateTensor>, const Metadata&);
// The file is on the disk when it returns. Equal tensors give equal bytes, whatever their order.
WrittenFile write_safetensors(const std::filesystem::path&, std::vector<StateTensor>, const Metadata&);

// Trusts nothing: throws a UserError that names the file and what is wrong with it.
class SafetensorsFile {
 public:
  struct Tensor {
    std::string dtype;  // "F32"
    Shape shape;
    std::uint64_t begin = 0, end = 0;  // bytes, from the end of the header
  };

  explicit SafetensorsFile(std::filesystem::path);
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  const Metadata& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }

  // What keeps `wanted` from being read here ("'a' is missing", "'a' is [2] F32, not [3] F32"); "" = nothing.
  std::string misfit(const StateTensor& wanted) const;
  // Reads the values of wanted.name and hands them to wanted.load. It must fit.
  void read(const StateTensor& wanted);
  // As they lie in the file; until the next tensor is read.
  std::span<const std::byte> bytes_of(const std::string& name);

 private:
  [[noreturn]] void fail(const std::string& message) const;
  void read_header(const std::string& header, std::uint64_t data_bytes);

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<std::byte> values_;  // of the tensor read last; the room serves the next one
  std::uint64_t data_begin_ = 0;
  std::map<std::string, Tensor> tensors_;
  Metadata metadata_;
};

}  // namespace dagfusion
