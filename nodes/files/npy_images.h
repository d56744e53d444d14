// Images of one size, and their classes, in arrays that NumPy saved: .npy, or .npz with several arrays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nodes/files/npy.h"
#include "nodes/files/pixel_order.h"
#include "nodes/files/pixel_range.h"

namespace dagfusion {

struct NpyImagesOptions {
  std::string key;                       // of a .npz: the array of images; empty: found by the usual names
  std::filesystem::path labels = {};     // another file that holds the classes; empty: the same .npz
  std::string label_key = {};            // the array of classes, "none": there are none; empty: found
  std::string order = "auto";            // NHWC, NCHW, NHW
  std::vector<std::int64_t> shape = {};  // of one image, where rows are flat: [28, 28]
  std::vector<double> range = {};        // black and white; empty: found
};

class NpyImages {
 public:
  // Throws std::runtime_error that starts with the file's name.
  NpyImages(const std::filesystem::path&, const NpyImagesOptions&);

  std::int64_t count() const { return images_.rows(); }
  const PixelOrder& order() const { return order_; }
  std::size_t image_numbers() const { return images_.row_elements(); }
  bool has_labels() const { return !labels_.empty(); }
  std::int32_t label(std::int64_t image) const { return labels_[static_cast<std::size_t>(image)]; }
  std::vector<std::string> class_names() const;  // numbers
  const std::vector<std::string>& notes() const { return notes_; }
  std::string fingerprint() const;
  std::size_t room_bytes() const;  // that reading works in, aligned to 16

  // On any thread. Throw std::runtime_error that names file and row where a number lies outside of the range.
  void read_planes(std::int64_t image, std::uint8_t* planes, std::span<std::byte> room) const;  // [C,H,W]
  void read_signed(std::int64_t image, float* planes, std::span<std::byte> room) const;         // in [-1,1]

 private:
  std::span<const float> read_numbers_of(std::int64_t image, std::span<std::byte> room) const;
  void take_order(const NpyImagesOptions&);
  void take_range(const std::vector<double>& given);
  void take_labels(const std::filesystem::path&, const NpyImagesOptions&);

  std::string path_, key_;
  NpyFile images_;
  PixelOrder order_;
  PixelRange range_;
  std::vector<std::int32_t> labels_;
  std::vector<std::string> notes_;
};

}  // namespace dagfusion
