// The HDF5 library as reader and writer of image files use it. Format version 2 of an image file:
//
//   attribute dagfusion_images = 2
//   /images u8 [N,H,W,C], one deflated chunk for each image
//   /labels i32 [N], optional; /class_names, texts by label, optional
//   /crc32c u32 [N], of the stored bytes of each image
//   /names, texts [N], of the files that the images came from, optional
//   everything with checksums (library version bounds V110)
//
// Version 1 had an attribute version = 1 instead, and neither names nor class_names.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace dagfusion {

inline constexpr int kImageFileVersion = 2;
inline constexpr const char* kImageFormatAttribute = "dagfusion_images";

// HDF5 does one thing at a time. While one is held, the library prints nothing and loads no plugins.
class Hdf5Lock {
 public:
  enum class For { work, closing };
  explicit Hdf5Lock(For = For::work);  // std::bad_alloc when there is too little memory to work with

 private:
  static void require_room();

  std::unique_lock<std::recursive_mutex> lock_;
};

// An open object of the library, closed with it. Not open when the library returned an error.
class Hdf5Id {
 public:
  Hdf5Id() = default;
  Hdf5Id(hid_t id, herr_t (*closer)(hid_t)) : id_(id), close_(closer) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Id& operator=(Hdf5Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Id() { close(); }

  explicit operator bool() const { return id_ >= 0; }
  operator hid_t() const { return id_; }
  bool close();  // false when what was written could not be finished

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

// Why this thread's last call did not work, in the library's words: "truncated file: eof = 100, …".
std::string hdf5_complaint();

}  // namespace dagfusion
