// An HDF5 file of images, for reading, whoever wrote it:
// checked when it is opened, so that afterwards only damage can make it fail.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nodes/files/hdf5_file.h"
#include "nodes/files/pixel_order.h"
#include "nodes/files/pixel_range.h"

namespace dagfusion {

struct ImageFileOptions {
  std::string key;                 // the dataset of images, or a group that holds it; empty: found
  std::string label_key;           // empty: found, "none": there are none
  std::string order = "auto";      // NHWC, NCHW, NHW
  std::vector<double> range = {};  // black and white of numbers that are no bytes; empty: found
  std::size_t cache_bytes = std::size_t{512} << 20;  // for chunks that hold several images
};

class ImageFile {
 public:
  // Takes the formats of nodes/files/hdf5.h, and files of other programs. Nothing outside the file is ever touched:
  // links, external storage, virtual datasets and filters other than the known ones are refused. Throws
  // std::runtime_error that starts with the file's name.
  explicit ImageFile(const std::filesystem::path& path, const ImageFileOptions& options = {});
  ImageFile(ImageFile&&) noexcept;
  ~ImageFile();

  std::int64_t count() const { return count_; }
  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  std::int64_t channels() const { return channels_; }
  std::size_t image_bytes() const { return static_cast<std::size_t>(height_ * width_ * channels_); }
  bool has_labels() const { return !labels_.empty(); }
  std::int32_t label(std::int64_t image) const { return labels_[static_cast<std::size_t>(image)]; }
  const std::vector<std::string>& class_names() const { return class_names_; }  // empty: it knows no names
  std::string image_name(std::int64_t image) const;                             // empty: it has none
  std::size_t room_bytes() const { return room_bytes_; }                        // that read() works in
  std::size_t cache_bytes() const;  // that decoded chunks take at the most
  std::string fingerprint() const;  // follows from all checksums and labels, or from some images
  std::vector<std::string> notes() const { return notes_; }  // what its reader should know, without its name
  const std::string& path() const { return file_->path(); }

  // One image, on any thread. `room`: room_bytes(), aligned to 16.
  // Throws std::runtime_error that names file and image when it is not what was written.
  void read(std::int64_t image, std::span<std::uint8_t> pixels,
            std::span<std::uint8_t> room) const;                                                   // [H,W,C]
  void read_planes(std::int64_t image, std::uint8_t* planes, std::span<std::uint8_t> room) const;  // [C,H,W]
  void read_signed(std::int64_t image, float* planes,
                   std::span<std::uint8_t> room) const;  // [C,H,W] in [-1,1]

 private:
  enum class Stored { numbers, encoded };
  using Strides = PixelStrides;

  [[noreturn]] void fail(const std::string& what) const { file_->fail(what); }
  void take_order(const std::string& order);
  void take_encoded();
  void take_range(const std::vector<double>& range);
  void take_checksums(bool ours);
  void refuse_never_written() const;
  void say_what_it_is(std::size_t cache_bytes);

  std::span<std::uint8_t> read_row(std::int64_t image, std::span<std::uint8_t> room) const;
  bool copy_bytes(std::span<const std::uint8_t> row, std::uint8_t* to, const Strides& target) const;
  template <class T, class Convert>
  void gather(std::int64_t image, T* to, const Strides& target, std::span<std::uint8_t> room,
              const Convert&) const;

  std::shared_ptr<const Hdf5File> file_;
  std::vector<Hdf5Rows> parts_;  // one after the other; several when groups are classes, or each is an image
  std::vector<std::int64_t> begins_;  // the first image of each part
  bool one_each_ = false;             // each part is one image
  Stored stored_ = Stored::numbers;
  std::string order_;  // "NHWC"
  Strides strides_;    // of a row, in numbers
  std::int64_t count_ = 0, height_ = 0, width_ = 0, channels_ = 0;
  PixelRange range_;
  bool is_all_bytes_ = true;  // bytes from 0 to 255 stay as they are
  std::size_t row_bytes_ = 0, room_bytes_ = 0;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> checksums_;
  std::vector<std::string> class_names_, names_, notes_;
};

}  // namespace dagfusion
