// hdf5_writer: packs images of one size, and their classes, into one HDF5 file, to be read by hdf5_images, h5py, h5dump.
//
// images: [N,C,H,W], C = 1 or 3, bytes, u16, or f32 in [-1,1]; label: [N], optional. The format is described in
// nodes/files/hdf5.h: one compressed chunk for each image, with names, classes and checksums where they are known.
// The file is made under the name `path`.part, which only one process can do at a time, and gets its own name when all is
// written and on the disk, so that a run that breaks or is stopped leaves no half file. `path` is relative to the run's
// directory when there is one.

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <stdexcept>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "graph/types/setup.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/hdf5.h"
#include "nodes/files/new_file.h"
#include "nodes/files/output_file.h"
#include "nodes/files/picture_list.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr hsize_t kGrowth = 1024;  // images by which the dataset is made longer at a time
constexpr std::size_t kMostText = 4096, kMostAttribute = 60'000;

class Hdf5Writer final : public Ordered, public NeedsAll {
 public:
  explicit Hdf5Writer(Setup& setup)
      : wanted_(setup.text("path")),
        overwrite_(setup.flag("overwrite")),
        deflate_(static_cast<int>(setup.integer("deflate"))),
        x_(setup.input("images")),
        label_(setup.input("label")),
        source_(setup.data_set_behind(x_)),
        channels_(x_.spec.shape[1]),
        height_(x_.spec.shape[2]),
        width_(x_.spec.shape[3]),
        item_bytes_(size_of(x_.spec.dtype)) {
    if (x_.spec.dtype != DType::u8 && x_.spec.dtype != DType::u16 && x_.spec.dtype != DType::f32)
      setup.fail_at_input(
          "images", fmt::format("input 'images' is {}; it must be u8, u16 or f32", name_of(x_.spec.dtype)));
    if (channels_ != 1 && channels_ != 3)
      setup.fail_at_input(
          "images",
          fmt::format("input 'images' is {} with {} channels; there must be 1 or 3; to_channels makes "
                      "them so",
                      to_string(x_.spec.shape), channels_));
    refuse_folder(setup, "path");
    // Below the directory of a run there is nothing yet.
    if (setup.run().output.empty() || fs::path(wanted_).is_absolute()) {
      if (!overwrite_ && fs::exists(wanted_))
        setup.fail_at("path",
                      fmt::format("'{}' exists; choose another path, or say overwrite: true", wanted_));
      if (const std::string why = why_not_writable(wanted_); !why.empty())
        setup.fail_at("path", fmt::format("'path' is {}, but {}", wanted_, why));
    }
    pixels_.resize(static_cast<std::size_t>(channels_ * height_ * width_) * item_bytes_);
    shuffled_.resize(item_bytes_ > 1 ? pixels_.size() : 0);
    packed_.resize(compressBound(static_cast<uLong>(pixels_.size())));
    sums_.resize(static_cast<std::size_t>(channels_));
    squares_.resize(static_cast<std::size_t>(channels_));
  }

  ~Hdf5Writer() override { abandon(); }

  void run(Call& call) override {
    if (!images_) start(call.run().resolve(wanted_));
    for (int i = 0; i < call.valid(); ++i) {
      if (x_.spec.dtype == DType::u8) take_image(call.in<std::uint8_t>(x_), i);
      if (x_.spec.dtype == DType::u16) take_image(call.in<std::uint16_t>(x_), i);
      if (x_.spec.dtype == DType::f32) take_image(call.in<float>(x_), i);
      append();
      if (label_.connected()) labels_.push_back(call.in<std::int32_t>(label_)[i]);
      if (source_) names_.push_back(source_->sample_name(call.position() + i));
    }
  }

  void finish(RunInfo& run) override {
    if (checksums_.empty()) {
      abandon();
      run.told(fmt::format("no image came, so {} was not written", run.resolve(wanted_).string()));
      return;
    }
    const fs::path path = run.resolve(wanted_);
    const auto count = static_cast<std::int64_t>(checksums_.size());
    {
      Hdf5Lock lock;
      grow(checksums_.size());
      write_list("labels", H5T_STD_I32LE, H5T_NATIVE_INT32, labels_.data(), labels_.size());
      write_list("crc32c", H5T_STD_U32LE, H5T_NATIVE_UINT32, checksums_.data(), checksums_.size());
      write_texts("names", names_);
      if (source_ && label_.connected()) write_texts("class_names", source_->class_names());
      describe(run.resolved_yaml());
      if (!images_.close() || H5Fflush(file_, H5F_SCOPE_GLOBAL) < 0 || !file_.close()) fail();
    }
    new_file_.publish();
    run.told(fmt::format("packed {} {}x{}x{} into {}", counted(count, "image"), height_, width_, channels_,
                         path.string()));
    tell_classes(run);
    abandon();
  }

  void give_up(RunInfo& run) override {
    run.told(fmt::format("{} was not written: only {} had come", run.resolve(wanted_).string(),
                         counted(static_cast<std::int64_t>(checksums_.size()), "image")));
    abandon();
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error(
        fmt::format("'{}' cannot be written (HDF5: {})", new_file_.part().string(), hdf5_complaint()));
  }

  void start(const fs::path& path) {
    new_file_.start(path, overwrite_);
    Hdf5Lock lock;
    const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);  // checksums over all that is not data
    H5Pset_file_locking(access, false, true);
    const Hdf5Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);  // equal images give equal files
    file_ = {H5Fcreate(new_file_.part().c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose};
    if (!file_) fail();
    const Hdf5Id one(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Id version(
        H5Acreate2(file_, kImageFormatAttribute, H5T_STD_I32LE, one, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!version || H5Awrite(version, H5T_NATIVE_INT, &kImageFileVersion) < 0) fail();

    const auto h = static_cast<hsize_t>(height_), w = static_cast<hsize_t>(width_),
               c = static_cast<hsize_t>(channels_);
    const std::array<hsize_t, 4> none = {0, h, w, c}, any = {H5S_UNLIMITED, h, w, c}, chunk = {1, h, w, c};
    const Hdf5Id space(H5Screate_simple(4, none.data(), any.data()), H5Sclose);
    const Hdf5Id chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(chunked, false);
    H5Pset_chunk(chunked, 4, chunk.data());
    if (item_bytes_ > 1) H5Pset_shuffle(chunked);
    H5Pset_deflate(chunked, static_cast<unsigned>(deflate_));
    images_ = {H5Dcreate2(file_, "images", stored_type(), space, H5P_DEFAULT, chunked, H5P_DEFAULT),
               H5Dclose};
    if (!images_) fail();
  }

  hid_t stored_type() const {
    return x_.spec.dtype == DType::u8    ? H5T_STD_U8LE
           : x_.spec.dtype == DType::u16 ? H5T_STD_U16LE
                                         : H5T_IEEE_F32LE;
  }

  // Planes to pixels, and what goes into mean and deviation.
  template <class T>
  void take_image(const T* frame, int number) {
    const std::int64_t each = height_ * width_;
    const T* from = frame + number * channels_ * each;
    T* const to = reinterpret_cast<T*>(pixels_.data());
    for (std::int64_t c = 0; c < channels_; ++c) {
      double sum = 0, square = 0;
      for (std::int64_t p = 0; p < each; ++p) {
        const T value = from[c * each + p];
        to[p * channels_ + c] = value;
        sum += static_cast<double>(value);
        square += static_cast<double>(value) * static_cast<double>(value);
      }
      sums_[static_cast<std::size_t>(c)] += sum;
      squares_[static_cast<std::size_t>(c)] += square;
    }
    if constexpr (std::is_same_v<T, float>)
      for (std::int64_t p = 0; p < channels_ * each; ++p)
        if (!(to[p] >= -1 && to[p] <= 1))
          throw std::runtime_error(
              fmt::format("image {} holds {}, outside of [-1,1]", checksums_.size(), to[p]));
  }

  void append() {
    checksums_.push_back(crc32c(std::as_bytes(std::span(pixels_))));
    if (item_bytes_ > 1) shuffle();
    const std::vector<std::uint8_t>& plain = item_bytes_ > 1 ? shuffled_ : pixels_;
    auto length = static_cast<uLongf>(packed_.size());
    if (compress2(packed_.data(), &length, plain.data(), static_cast<uLong>(plain.size()), deflate_) != Z_OK)
      throw std::runtime_error(fmt::format("image {} cannot be compressed", checksums_.size() - 1));
    Hdf5Lock lock;
    if (checksums_.size() > room_) grow(room_ + kGrowth);
    const std::array<hsize_t, 4> offset = {checksums_.size() - 1, 0, 0, 0};
    if (H5Dwrite_chunk(images_, H5P_DEFAULT, 0, offset.data(), length, packed_.data()) < 0) fail();
  }

  // HDF5's shuffle: first all first bytes, then all second ones, …
  void shuffle() {
    const std::size_t items = pixels_.size() / item_bytes_;
    for (std::size_t i = 0; i < items; ++i)
      for (std::size_t b = 0; b < item_bytes_; ++b) shuffled_[b * items + i] = pixels_[i * item_bytes_ + b];
  }

  void grow(hsize_t images) {
    room_ = images;
    const std::array<hsize_t, 4> shape = {images, static_cast<hsize_t>(height_), static_cast<hsize_t>(width_),
                                          static_cast<hsize_t>(channels_)};
    if (H5Dset_extent(images_, shape.data()) < 0) fail();
  }

  // One chunk, for only chunks have checksums.
  void write_list(const char* name, hid_t stored, hid_t native, const void* values, hsize_t count) {
    if (count == 0) return;
    const Hdf5Id space(H5Screate_simple(1, &count, nullptr), H5Sclose),
        creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);
    H5Pset_chunk(creation, 1, &count);
    if (H5Tget_class(stored) == H5T_STRING) H5Pset_deflate(creation, static_cast<unsigned>(deflate_));
    H5Pset_fletcher32(creation);
    Hdf5Id list(H5Dcreate2(file_, name, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
    if (!list || H5Dwrite(list, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 || !list.close()) fail();
  }

  // UTF-8 of one length, filled up with zeros: what h5py shows as bytes. Nothing when there are no names.
  void write_texts(const char* name, const std::vector<std::string>& texts) {
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

  // What the numbers mean and where they come from, for whoever reads the file later.
  void describe(const std::string& pipeline) {
    const double count = static_cast<double>(checksums_.size()) * static_cast<double>(height_ * width_);
    std::vector<double> mean, deviation;
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      mean.push_back(sums_[c] / count);
      deviation.push_back(std::sqrt(std::max(0.0, squares_[c] / count - mean[c] * mean[c])));
    }
    const std::array<double, 2> range = {x_.spec.dtype == DType::f32 ? -1.0 : 0.0,
                                         x_.spec.dtype == DType::u8    ? 255.0
                                         : x_.spec.dtype == DType::u16 ? 65535.0
                                                                       : 1.0};
    write_numbers("range", range);
    write_numbers("mean", mean);
    write_numbers("deviation", deviation);
    write_text("colour_space", channels_ == 1 ? "grey" : "sRGB");
    write_text("pipeline", pipeline.substr(0, kMostAttribute));
  }

  void write_numbers(const char* name, std::span<const double> values) {
    const hsize_t count = values.size();
    const Hdf5Id space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    const Hdf5Id made(H5Acreate2(images_, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!made || H5Awrite(made, H5T_NATIVE_DOUBLE, values.data()) < 0) fail();
  }

  void write_text(const char* name, const std::string& text) {
    if (text.empty()) return;
    const Hdf5Id space(H5Screate(H5S_SCALAR), H5Sclose), type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, text.size());
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const Hdf5Id made(H5Acreate2(images_, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!made || H5Awrite(made, type, text.data()) < 0) fail();
  }

  void tell_classes(RunInfo& run) const {
    const std::vector<std::string> classes = source_ ? source_->class_names() : std::vector<std::string>{};
    if (labels_.empty() || classes.empty()) return;
    std::vector<std::int64_t> counts(classes.size());
    for (const std::int32_t label : labels_)
      if (label >= 0 && static_cast<std::size_t>(label) < counts.size())
        ++counts[static_cast<std::size_t>(label)];
    run.told(fmt::format("classes: {}", class_counts(classes, counts)));
  }

  // Ready for another run; what was not finished is removed.
  void abandon() {
    images_.close();
    file_.close();
    new_file_.abandon();
    labels_.clear();
    names_.clear();
    checksums_.clear();
    sums_.assign(sums_.size(), 0);
    squares_.assign(squares_.size(), 0);
    room_ = 0;
  }

  std::string wanted_;
  bool overwrite_;
  int deflate_;
  Input x_, label_;
  const DataSet* source_;  // knows the names of classes and images; null: nothing does
  std::int64_t channels_, height_, width_;
  std::size_t item_bytes_;
  NewFile new_file_;
  Hdf5Id file_, images_;
  hsize_t room_ = 0;  // images that the dataset has places for
  std::vector<std::uint8_t> pixels_, shuffled_, packed_;
  std::vector<std::int32_t> labels_;
  std::vector<std::string> names_;
  std::vector<std::uint32_t> checksums_;
  std::vector<double> sums_, squares_;  // of each channel, over all pixels
};

}  // namespace

NodeType hdf5_writer() {
  return {.name = "hdf5_writer",
          .summary = "Packs images of one size, and their classes, into one HDF5 file.",
          .stands_for = {"sink"},
          .example = "{type: hdf5_writer, in: {images: images, label: label}, path: packed.h5}",
          .role = Role::ordered,
          .inputs = {{"images", "[N,C,H,W] any", "images: u8, u16, or f32 in [-1,1]"},
                     {.name = "label", .spec = "[N] i32", .doc = "class of each image", .optional = true}},
          .parameters = {{.name = "path", .kind = Kind::text, .doc = "file to make", .required = true},
                         {.name = "overwrite",
                          .kind = Kind::boolean,
                          .doc = "replace the file when it exists",
                          .standard = false},
                         {.name = "deflate",
                          .kind = Kind::integer,
                          .doc = "compression, 1 = fast … 9 = small",
                          .standard = std::int64_t{4},
                          .minimum = 1,
                          .maximum = 9}},
          .create = make_node<Hdf5Writer>};
}

}  // namespace dagfusion
