// A packed file of images in the making: see nodes/files/hdf5.h for its format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/values/tensor.h"
#include "nodes/files/hdf5_writing.h"

namespace dagfusion {

// What stands beside the images. Empty lists are left out.
struct PackedContents {
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> checksums;
  std::vector<std::string> names, class_names;
  std::vector<double> mean, deviation;  // by channel
  std::string pipeline;                 // how the file was made
};

class ImageFileWriter {
 public:
  // images: [N,C,H,W] u8, u16 or f32 in [-1,1].
  void start(int descriptor, const TensorSpec& images, int deflate);
  bool started() const { return static_cast<bool>(file_); }
  // The next image, packed by PixelPacker; returns where it lies in the file.
  std::uint64_t append(std::span<const std::uint8_t> packed);
  // The same of one whose `bytes` lie in the file already.
  std::uint64_t append_what_is_there(std::size_t bytes);
  void finish(const PackedContents&);
  void abandon();
  // All throw std::runtime_error with the library's words, or the system's: "no space left on device".

 private:
  [[noreturn]] void fail() const;
  void grow(std::uint64_t images);
  void write_list(const char* name, hid_t stored, hid_t native, const void* values, std::uint64_t count);
  void write_texts(const char* name, const std::vector<std::string>& texts);
  void write_numbers(const char* name, std::span<const double> values);
  void write_text(const char* name, const std::string& text);

  Hdf5Writing writing_;
  Hdf5Id file_, images_;
  TensorSpec spec_;
  int deflate_ = 0;
  std::uint64_t count_ = 0, room_ = 0;  // images; room: those that the dataset has places for
  std::vector<std::uint8_t> nothing_;
};

}  // namespace dagfusion
