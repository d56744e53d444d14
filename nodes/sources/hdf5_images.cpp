// hdf5_images: reads images of one size from HDF5 files, whoever wrote them.
//
// images: [N,C,H,W], bytes, or numbers in [-1,1] with `values: signed`; label: [N], the class of each image, -1 where
// the file knows none. In the file: u8, u16, other integers, or floats, as [N,H,W,C], [N,C,H,W] or [N,H,W], contiguous or
// in chunks of any shape, with gzip, lzf, shuffle and fletcher32; or a PNG or JPEG file for each image. What a dataset is
// called does not matter while only one could be images; groups that hold the same dataset each are classes. Or a dataset
// [H,W,C] or [C,H,W] for each image, all of one shape and type, in natural order of their names; groups of them are classes. Classes: whole
// numbers, texts or one-hot, beside the images.
// Images that hdf5_writer has packed are checked against their CRC32C when they are read; a file that points outside
// itself is refused.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/keeps_memory.h"
#include "graph/types/setup.h"
#include "nodes/files/file_kind.h"
#include "nodes/files/files_matching.h"
#include "nodes/files/image_file.h"
#include "nodes/sources/image_array.h"
#include "nodes/sources/selection.h"

namespace dagfusion {
namespace {

constexpr std::int32_t kMostClasses = 65536;

class Hdf5Images final : public DataSet, public KeepsMemory {
 public:
  explicit Hdf5Images(Setup& setup) : signed_(setup.text("values") == "signed"), files_(open(setup)) {
    const ImageFile& first = files_.front();
    const Shape shape = {setup.run().micro_batch, first.channels(), first.height(), first.width()};
    images_ = setup.output("images", shape, signed_ ? DType::f32 : DType::u8);
    label_ = setup.output("label", {setup.run().micro_batch});
    for (const ImageFile& file : files_) {
      begins_.push_back(count_);
      count_ += file.count();
      room_bytes_ = std::max(room_bytes_, file.room_bytes());
    }
    if (setup.flag("labels") && !first.has_labels())
      setup.fail_at("labels", "'labels' is true, but '" + first.path() + "' has no dataset '/labels'");
    for (const std::string& note : first.notes())
      setup.note_at("path", fmt::format("'{}': {}", first.path(), note));
    SelectableImages images{.count = count_, .classes = class_names()};
    images.name = [this](std::int64_t image) { return name_of(image); };
    if (first.has_labels())
      images.label = [this](std::int64_t image) { return file_of(image).label(image - begin_of(image)); };
    selection_ = Selection(setup, images);
  }

  std::optional<std::int64_t> size() const override { return selection_.size(); }
  std::vector<std::string> class_names() const override {
    if (!files_.front().class_names().empty()) return files_.front().class_names();
    std::int32_t largest = -1;
    for (const ImageFile& file : files_)
      for (std::int64_t image = 0; file.has_labels() && image < file.count(); ++image)
        largest = std::max(largest, file.label(image));
    std::vector<std::string> names;
    if (largest >= kMostClasses) return names;  // something else than classes
    for (std::int32_t label = 0; label <= largest; ++label) names.push_back(std::to_string(label));
    return names;
  }
  std::uint64_t kept_bytes() const override {
    std::uint64_t bytes = 0;
    for (const ImageFile& file : files_) bytes += file.cache_bytes();
    return bytes;
  }
  std::string sample_name(std::int64_t sample) const override { return name_of(selection_[sample]); }

  std::string fingerprint() const override {
    std::string all = files_.front().fingerprint();
    for (std::size_t i = 1; i < files_.size(); ++i) all += ", " + files_[i].fingerprint();
    return all + selection_.fingerprint();
  }

  void prepare(Preparation& preparation) override { preparation.scratch(room_bytes_); }

  void forward(Call& call) const override {
    auto* label = call.out<std::int32_t>(label_);
    const std::span room(reinterpret_cast<std::uint8_t*>(call.scratch()), room_bytes_);
    const std::size_t each = files_.front().image_bytes();
    for (int i = 0; i < images_.spec.shape[0]; ++i) {
      const std::int64_t sample = selection_[call.sample(i)], image = sample - begin_of(sample);
      const ImageFile& file = file_of(sample);
      const std::size_t at = static_cast<std::size_t>(i) * each;
      if (signed_)
        file.read_signed(image, call.out<float>(images_) + at, room);
      else
        file.read_planes(image, call.out<std::uint8_t>(images_) + at, room);
      label[i] = file.has_labels() ? file.label(image) : -1;
    }
  }

 private:
  std::string name_of(std::int64_t image) const { return file_of(image).image_name(image - begin_of(image)); }

  std::size_t number_of(std::int64_t sample) const {
    return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), sample) -
                                    begins_.begin() - 1);
  }
  const ImageFile& file_of(std::int64_t sample) const { return files_[number_of(sample)]; }
  std::int64_t begin_of(std::int64_t sample) const { return begins_[number_of(sample)]; }

  static std::vector<std::filesystem::path> paths(Setup& setup) {
    const std::string& typed = setup.text("path");
    std::vector<std::filesystem::path> found = files_matching(typed);
    if (!found.empty()) return found;
    if (typed.find_first_of("*?[") == std::string::npos) return {setup.readable("path")};
    setup.fail_at("path", fmt::format("'path' is {}, which no file matches", typed));
  }

  static std::vector<ImageFile> open(Setup& setup) {
    ImageFileOptions options{.key = setup.text("key"),
                             .label_key = setup.text("label_key"),
                             .order = setup.text("order"),
                             .range = image_range(setup),
                             .cache_bytes = static_cast<std::size_t>(setup.integer("cache_mb")) << 20};
    const std::vector<std::filesystem::path> typed = paths(setup);
    std::vector<ImageFile> files;
    try {
      for (const std::filesystem::path& path : typed) {
        expect_kind(path, FileKind::hdf5);
        files.emplace_back(path, options);
        refuse_unlike(files.front(), files.back());
      }
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
    return files;
  }

  // Several files are one data set when their images have one size and their classes one numbering.
  static void refuse_unlike(const ImageFile& first, const ImageFile& file) {
    if (first.channels() != file.channels() || first.height() != file.height() ||
        first.width() != file.width())
      throw std::runtime_error(
          fmt::format("'{}' has images of {}x{}x{}, '{}' of {}x{}x{}; one data set has one size", file.path(),
                      file.width(), file.height(), file.channels(), first.path(), first.width(),
                      first.height(), first.channels()));
    if (first.class_names() != file.class_names())
      throw std::runtime_error(
          fmt::format("'{}' and '{}' have other names for their classes", first.path(), file.path()));
    if (first.has_labels() != file.has_labels())
      throw std::runtime_error(
          fmt::format("only one of '{}' and '{}' has classes", first.path(), file.path()));
  }

  bool signed_;
  std::vector<ImageFile> files_;
  std::vector<std::int64_t> begins_;
  std::int64_t count_ = 0;
  Selection selection_;
  std::size_t room_bytes_ = 0;
  Output images_, label_;
};

}  // namespace

namespace {

std::vector<Parameter> own_parameters() {
  std::vector<Parameter> all = {{.name = "path",
                                 .kind = Kind::text,
                                 .doc = "an HDF5 file, or several that match data/*.h5",
                                 .required = true}};
  for (Parameter& one : image_array_parameters(
           {"the dataset of images, or a group that holds it; found when only one could be",
            "the dataset of classes, or none; found by the usual names",
            "bytes and uint16 as they are, of others the usual range that holds them all"}))
    all.push_back(std::move(one));
  all.push_back(
      {.name = "labels", .kind = Kind::boolean, .doc = "refuse a file without classes", .standard = false});
  all.push_back({.name = "cache_mb",
                 .kind = Kind::integer,
                 .doc = "memory for chunks that hold several images",
                 .standard = std::int64_t{512},
                 .minimum = 1,
                 .maximum = 1 << 20});
  all.push_back(
      {.name = "shuffle", .kind = Kind::boolean, .doc = "another order in every epoch", .standard = false});
  return all;
}

}  // namespace

NodeType hdf5_images() {
  return {.name = "hdf5_images",
          .summary = "Reads images of one size, and their classes, from HDF5 files of any program.",
          .stands_for = {"source"},
          .example = "{type: hdf5_images, path: images.h5, shuffle: true}",
          .role = Role::data_set,
          .outputs = {{"images", "[N,C,H,W] any", "images: u8, or f32 in [-1,1] with `values: signed`"},
                      {"label", "[N] i32", "class of each image, -1 when unknown"}},
          .parameters = Selection::parameters_behind(own_parameters()),
          .shuffled_by = "shuffle",
          .create = make_node<Hdf5Images>};
}

}  // namespace dagfusion
