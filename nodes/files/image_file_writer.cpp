#include "nodes/files/image_file_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr hsize_t kGrowth = 1024;  // images by which the dataset is made longer at a time
constexpr std::size_t kMostText = 4096, kMostAttribute = 60'000;

hid_t stored_type(DType dtype) {
  return dtype == DType::u8 ? H5T_STD_U8LE : dtype == DType::u16 ? H5T_STD_U16LE : H5T_IEEE_F32LE;
}

// Black and white.
std::array<double, 2> range_of(DType dtype) {
  if (dtype == DType::f32) return {-1.0, 1.0};
  return {0.0, dtype == DType::u8 ? 255.0 : 65535.0};
}

}  // namespace

void ImageFileWriter::fail() const {
  throw std::runtime_error(writing_.problem != 0 ? std::string(std::strerror(writing_.problem))
                                                 : fmt::format("HDF5: {}", hdf5_complaint()));
}

void ImageFileWriter::start(int descriptor, const TensorSpec& images, int deflate) {
  abandon();
  Hdf5Lock lock;
  writing_ = {.descriptor = descriptor};
  spec_ = images;
  deflate_ = deflate;
  file_ = create_hdf5(writing_);
  if (!file_) fail();
  const Hdf5Id one(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Id version(H5Acreate2(file_, kImageFormatAttribute, H5T_STD_I32LE, one, H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
  if (!version || H5Awrite(version, H5T_NATIVE_INT, &kImageFileVersion) < 0) fail();

  const auto c = static_cast<hsize_t>(spec_.shape[1]), h = static_cast<hsize_t>(spec_.shape[2]),
             w = static_cast<hsize_t>(spec_.shape[3]);
  const std::array<hsize_t, 4> none = {0, h, w, c}, any = {H5S_UNLIMITED, h, w, c}, chunk = {1, h, w, c};
  const Hdf5Id space(H5Screate_simple(4, none.data(), any.data()), H5Sclose);
  const Hdf5Id chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(chunked, false);
  H5Pset_chunk(chunked, 4, chunk.data());
  if (size_of(spec_.dtype) > 1) H5Pset_shuffle(chunked);
  H5Pset_deflate(chunked, static_cast<unsigned>(deflate_));
  images_ = {H5Dcreate2(file_, "images", stored_type(spec_.dtype), space, H5P_DEFAULT, chunked, H5P_DEFAULT),
             H5Dclose};
  if (!images_) fail();
}

std::uint64_t ImageFileWriter::append(std::span<const std::uint8_t> packed) {
  Hdf5Lock lock;
  if (count_ == room_) grow(room_ + kGrowth);
  const std::array<hsize_t, 4> offset = {count_, 0, 0, 0};
  if (H5Dwrite_chunk(images_, H5P_DEFAULT, 0, offset.data(), packed.size(), packed.data()) < 0) fail();
  ++count_;
  return writing_.begin;
}

std::uint64_t ImageFileWriter::append_what_is_there(std::size_t bytes) {
  nothing_.resize(std::max(nothing_.size(), bytes));
  writing_.values_lie_there = true;
  const std::uint64_t begin = append(std::span(nothing_).first(bytes));
  writing_.values_lie_there = false;
  return begin;
}

void ImageFileWriter::grow(std::uint64_t images) {
  room_ = images;
  const std::array<hsize_t, 4> shape = {images, static_cast<hsize_t>(spec_.shape[2]),
                                        static_cast<hsize_t>(spec_.shape[3]),
                                        static_cast<hsize_t>(spec_.shape[1])};
  if (H5Dset_extent(images_, shape.data()) < 0) fail();
}

void ImageFileWriter::finish(const PackedContents& contents) {
  Hdf5Lock lock;
  grow(count_);
  write_list("labels", H5T_STD_I32LE, H5T_NATIVE_INT32, contents.labels.data(), contents.labels.size());
  write_list("crc32c", H5T_STD_U32LE, H5T_NATIVE_UINT32, contents.checksums.data(),
             contents.checksums.size());
  write_texts("names", contents.names);
  write_texts("class_names", contents.class_names);
  write_numbers("range", range_of(spec_.dtype));
  write_numbers("mean", contents.mean);
  write_numbers("deviation", contents.deviation);
  write_text("colour_space", spec_.shape[1] == 1 ? "grey" : "sRGB");
  write_text("pipeline", contents.pipeline.substr(0, kMostAttribute));
  if (!images_.close() || H5Fflush(file_, H5F_SCOPE_GLOBAL) < 0 || !file_.close()) fail();
}

void ImageFileWriter::abandon() {
  images_.close();
  file_.close();
  count_ = room_ = 0;
}

// One chunk, for only chunks have checksums.
void ImageFileWriter::write_list(const char* name, hid_t stored, hid_t native, const void* values,
                                 std::uint64_t count) {
  if (count == 0) return;
  const hsize_t length = count;
  const Hdf5Id space(H5Screate_simple(1, &length, nullptr), H5Sclose),
      creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  H5Pset_chunk(creation, 1, &length);
  if (H5Tget_class(stored) == H5T_STRING) H5Pset_deflate(creation, static_cast<unsigned>(deflate_));
  H5Pset_fletcher32(creation);
  Hdf5Id list(H5Dcreate2(file_, name, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  if (!list || H5Dwrite(list, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 || !list.close()) fail();
}

// UTF-8 of one length, filled up with zeros: what h5py shows as bytes. Nothing when there are no names.
void ImageFileWriter::write_texts(const char* name, const std::vector<std::string>& texts) {
  std::size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  if (longest == 0 || longest > kMostText) return;
  const Hdf5Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, longest);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  std::string all;
  for (const std::string& text : texts) all += text + std::string(longest - text.size(), '\0');
  write_list(name, type, type, all.data(), texts.size());
}

void ImageFileWriter::write_numbers(const char* name, std::span<const double> values) {
  const hsize_t count = values.size();
  const Hdf5Id space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Hdf5Id made(H5Acreate2(images_, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made || H5Awrite(made, H5T_NATIVE_DOUBLE, values.data()) < 0) fail();
}

void ImageFileWriter::write_text(const char* name, const std::string& text) {
  if (text.empty()) return;
  const Hdf5Id space(H5Screate(H5S_SCALAR), H5Sclose), type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, text.size());
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const Hdf5Id made(H5Acreate2(images_, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made || H5Awrite(made, type, text.data()) < 0) fail();
}

}  // namespace dagfusion
