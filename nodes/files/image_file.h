// An HDF5 file of images, for reading:
// checked when it is opened, so that afterwards only damage can make it fail.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nodes/files/hdf5.h"

namespace dagfusion {

class ImageFile {
 public:
  // Takes format version 1 (nodes/files/hdf5.h), and files of other programs that have the same datasets;
  // /labels and /crc32c may be missing there. Nothing outside the file is ever touched: links, external
  // storage, virtual datasets and filters other than the known ones are refused. Throws std::runtime_error
  // that starts with the file's name.
  explicit ImageFile(const std::filesystem::path& path);

  std::int64_t count() const { return count_; }
  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  std::int64_t channels() const { return channels_; }
  std::size_t image_bytes() const { return static_cast<std::size_t>(height_ * width_ * channels_); }
  bool has_labels() const { return !labels_.empty(); }
  std::int32_t label(std::int64_t image) const { return labels_[static_cast<std::size_t>(image)]; }
  std::size_t room_bytes() const;   // that read() works in
  std::string fingerprint() const;  // follows from all checksums and labels

  // The library reads where images lie a page at a time, when one is asked for, and keeps it:
  // all at once here, so that read() need not allocate.
  void read_index() const;
  // Pixels [H,W,C] of one image; on any thread. `room`: room_bytes(), aligned to 16.
  // Throws std::runtime_error that names file and image when it is not what was written.
  void read(std::int64_t image, std::span<std::uint8_t> pixels, std::span<std::uint8_t> room) const;

 private:
  std::size_t most_packed_bytes() const;  // that one image may take in the file
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_as_damaged() const;
  bool check_version() const;                   // true when the file has one: it is ours
  Hdf5Id open_dataset(const char* name) const;  // not open when there is none
  void open_images();
  // Of a dataset [N]; empty when there is none.
  std::vector<std::int64_t> numbers(const char* name, std::int64_t least, std::int64_t most) const;

  std::string path_;
  std::uint64_t file_bytes_ = 0;
  Hdf5Id file_, images_;  // closed in reverse order
  std::int64_t count_ = 0, height_ = 0, width_ = 0, channels_ = 0;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> checksums_;
};

}  // namespace dagfusion
