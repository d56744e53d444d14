// Files of named tensors, whoever wrote them: one interface, a format each behind it. Nothing of a file is trusted.
//   safetensors, alone or as parts that a .index.json lists
//   NumPy's .npz
//   TensorFlow's frozen graphs, .pb
//   PyTorch's .pth, .pt, .ckpt, .bin: read by pickle.h, so that no code runs; maps in maps give names with dots
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

class TensorFile {
 public:
  struct Facts {
    std::string dtype;  // as safetensors has it: "F32", "BF16"
    Shape shape;
    friend bool operator==(const Facts&, const Facts&) = default;
  };

  virtual ~TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::string& format() const { return format_; }  // in words: "safetensors"
  const std::map<std::string, Facts>& tensors() const { return tensors_; }

  // Row by row, as float32; of wider numbers the nearest. A UserError names the file and what is wrong with it.
  virtual std::vector<float> read(const std::string& name) = 0;

 protected:
  TensorFile(std::filesystem::path path, std::string format)
      : path_(std::move(path)), format_(std::move(format)) {}
  [[noreturn]] void fail(const std::string& message) const;  // a UserError: "'path' message"

  std::filesystem::path path_;
  std::string format_;
  std::map<std::string, Facts> tensors_;
};

// The format follows from what is in the file. Throws UserError.
std::unique_ptr<TensorFile> open_tensor_file(const std::filesystem::path&);

// One format each, for open_tensor_file().
std::unique_ptr<TensorFile> open_torch_archive(
    const std::filesystem::path&);  // a zip archive, since PyTorch 1.6
std::unique_ptr<TensorFile> open_torch_stream(const std::filesystem::path&);  // as before it

std::size_t bytes_of_dtype(const std::string& dtype);  // "F32": 4; 0 for one that is not read
std::vector<float> to_floats(const std::string& dtype, std::span<const std::byte>);

}  // namespace dagfusion
