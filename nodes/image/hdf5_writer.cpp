// hdf5_writer: packs images of one size, and their classes, into one HDF5 file, to be read by hdf5_images.
//
// images: [N,C,H,W], C = 1 or 3; label: [N], optional. The format is described in nodes/files/hdf5.h.
// The file is made under the name `path`.part and gets its own name when the run is over, so that a run that
// breaks or is stopped leaves no half file. `path` is relative to the run's directory when there is one.

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <stdexcept>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "graph/types/setup.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/hdf5.h"
#include "nodes/files/output_file.h"
#include "nodes/files/planes.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr hsize_t kGrowth = 1024;  // images by which the dataset is made longer at a time

class Hdf5Writer final : public Ordered, public NeedsAll {
 public:
  explicit Hdf5Writer(Setup& setup)
      : wanted_(setup.text("path")),
        overwrite_(setup.flag("overwrite")),
        deflate_(static_cast<int>(setup.integer("deflate"))),
        x_(setup.input("images")),
        label_(setup.input("label")),
        channels_(x_.spec.shape[1]),
        height_(x_.spec.shape[2]),
        width_(x_.spec.shape[3]) {
    if (channels_ != 1 && channels_ != 3)
      setup.fail_at_input("images", fmt::format("input 'images' is {} with {} channels; there must be 1 or 3",
                                                to_string(x_.spec.shape), channels_));
    refuse_folder(setup, "path");
    // Below the directory of a run there is nothing yet.
    if (!overwrite_ && (setup.run().output.empty() || fs::path(wanted_).is_absolute()) && fs::exists(wanted_))
      setup.fail_at("path", exists(wanted_));
    pixels_.resize(static_cast<std::size_t>(channels_ * height_ * width_));
    packed_.resize(compressBound(pixels_.size()));
  }

  ~Hdf5Writer() override { abandon(); }

  void run(Call& call) override {
    if (!images_) start(call.run().resolve(wanted_));
    const auto* x = call.in<std::uint8_t>(x_);
    for (int i = 0; i < call.valid(); ++i) {
      planes_to_pixels(x + static_cast<std::size_t>(i) * pixels_.size(), channels_, height_, width_,
                       pixels_.data(), width_ * channels_);
      append();
      if (label_.connected()) labels_.push_back(call.in<std::int32_t>(label_)[i]);
    }
  }

  void finish(RunInfo& run) override {
    if (checksums_.empty()) {
      abandon();
      run.told(fmt::format("no image came, so {} was not written", run.resolve(wanted_).string()));
      return;
    }
    Hdf5Lock lock;
    grow(checksums_.size());
    write_list("labels", H5T_STD_I32LE, H5T_NATIVE_INT32, labels_.data(), labels_.size());
    write_list("crc32c", H5T_STD_U32LE, H5T_NATIVE_UINT32, checksums_.data(), checksums_.size());
    if (!images_.close() || H5Fflush(file_, H5F_SCOPE_GLOBAL) < 0 || !file_.close()) fail();
    fs::rename(part_, path_);
    run.told(fmt::format("packed {} {}x{}x{} into {}",
                         counted(static_cast<std::int64_t>(checksums_.size()), "image"), height_, width_,
                         channels_, path_.string()));
    abandon();
  }

  void give_up(RunInfo& run) override {
    run.told(fmt::format("{} was not written: only {} had come", run.resolve(wanted_).string(),
                         counted(static_cast<std::int64_t>(checksums_.size()), "image")));
    abandon();
  }

 private:
  static std::string exists(const fs::path& path) {
    return fmt::format("'{}' exists; choose another path, or say overwrite: true", path.string());
  }

  [[noreturn]] void fail() const {
    throw std::runtime_error(
        fmt::format("'{}' cannot be written (HDF5: {})", part_.string(), hdf5_complaint()));
  }

  void start(const fs::path& path) {
    if (!overwrite_ && fs::exists(path)) throw std::runtime_error(exists(path));
    path_ = path;
    part_ = path.string() + ".part";
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    Hdf5Lock lock;
    const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);  // checksums over all that is not data
    H5Pset_file_locking(access, false, true);
    file_ = {H5Fcreate(part_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose};
    if (!file_) fail();
    const Hdf5Id one(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Id version(H5Acreate2(file_, "version", H5T_STD_I32LE, one, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
    if (!version || H5Awrite(version, H5T_NATIVE_INT, &kImageFileVersion) < 0) fail();

    const auto h = static_cast<hsize_t>(height_), w = static_cast<hsize_t>(width_),
               c = static_cast<hsize_t>(channels_);
    const std::array<hsize_t, 4> none = {0, h, w, c}, any = {H5S_UNLIMITED, h, w, c}, chunk = {1, h, w, c};
    const Hdf5Id space(H5Screate_simple(4, none.data(), any.data()), H5Sclose);
    const Hdf5Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(creation, 4, chunk.data());
    H5Pset_deflate(creation, static_cast<unsigned>(deflate_));
    images_ = {H5Dcreate2(file_, "images", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT),
               H5Dclose};
    if (!images_) fail();
  }

  void append() {
    checksums_.push_back(crc32c(std::as_bytes(std::span(pixels_))));
    auto length = static_cast<uLongf>(packed_.size());
    if (compress2(packed_.data(), &length, pixels_.data(), pixels_.size(), deflate_) != Z_OK)
      throw std::runtime_error(fmt::format("image {} cannot be compressed", checksums_.size() - 1));
    Hdf5Lock lock;
    if (checksums_.size() > room_) grow(room_ + kGrowth);
    const std::array<hsize_t, 4> offset = {checksums_.size() - 1, 0, 0, 0};
    if (H5Dwrite_chunk(images_, H5P_DEFAULT, 0, offset.data(), length, packed_.data()) < 0) fail();
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
    H5Pset_chunk(creation, 1, &count);
    H5Pset_fletcher32(creation);
    Hdf5Id list(H5Dcreate2(file_, name, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
    if (!list || H5Dwrite(list, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 || !list.close()) fail();
  }

  // Ready for another run; what was not finished is removed.
  void abandon() {
    images_.close();
    file_.close();
    std::error_code ignored;
    if (!part_.empty()) fs::remove(part_, ignored);
    part_.clear();
    labels_.clear();
    checksums_.clear();
    room_ = 0;
  }

  std::string wanted_;
  bool overwrite_;
  int deflate_;
  Input x_, label_;
  std::int64_t channels_, height_, width_;
  fs::path path_, part_;
  Hdf5Id file_, images_;
  hsize_t room_ = 0;  // images that the dataset has places for
  std::vector<std::uint8_t> pixels_, packed_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> checksums_;
};

}  // namespace

NodeType hdf5_writer() {
  return {.name = "hdf5_writer",
          .summary = "Packs images of one size, and their classes, into one HDF5 file.",
          .stands_for = {"sink"},
          .example = "{type: hdf5_writer, in: {images: images, label: label}, path: packed.h5}",
          .role = Role::ordered,
          .inputs = {{"images", "[N,C,H,W] u8", "images"},
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
