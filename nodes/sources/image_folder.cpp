// image_folder: reads the pictures of a folder, a zip or tar archives, of whatever size they are.
//
// Takes every PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF and JPEG XL file by its ending (in either case), in the order of the
// paths' bytes; what a file is follows from its content. Tar archives may be compressed by gzip, bzip2, xz or zstd; they are
// unpacked into a nameless file in the folder for temporary files (TMPDIR). What is left out is counted by kind: files of other kinds, hidden ones, links
// to folders. Pictures are turned upright as their EXIF orientation says, 16 bits are rounded to 8, transparent
// pixels show the background. images: [N] of any size, up to 64 Mpixel each; label: [N], the number of the class
// folder (the first folder below `path`, in natural order, from 0) or what a file of labels says, -1 for a picture
// without a class. A file that cannot be used stops the run and is named; with `on_error: drop`
// its frame is left out instead.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/decode.h"
#include "nodes/files/file_kind.h"
#include "nodes/files/files_matching.h"
#include "nodes/files/gives_pictures.h"
#include "nodes/files/picture_archive.h"
#include "nodes/files/picture_list.h"
#include "nodes/files/pictures_in_order.h"
#include "nodes/files/tar.h"
#include "nodes/sources/selection.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class ImageFolder final : public DataSet, public GivesPictures {
 public:
  explicit ImageFolder(Setup& setup)
      : root_(path_of(setup)),
        images_(setup.output("images", {setup.run().micro_batch})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    shuffled_ = setup.flag("shuffle");
    decoding_.channels = static_cast<int>(setup.integer("channels"));
    decoding_.to_srgb = setup.text("colours") == "srgb";
    if (decoding_.channels == 2)
      setup.fail_at("channels", "'channels' is 2; it takes 1 (grey) or 3 (red, green, blue)");
    const std::vector<std::int64_t>& background = setup.parameters().integers("background");
    const auto is_byte = [](std::int64_t value) { return value >= 0 && value <= 255; };
    if (background.size() != 3 || !std::all_of(background.begin(), background.end(), is_byte))
      setup.fail_at("background",
                    fmt::format("'background' is {}; it takes red, green and blue, each from 0 to 255",
                                to_string(setup.parameters().setting("background"))));
    std::copy(background.begin(), background.end(), decoding_.background.begin());

    list_ = list(setup);
    if (list_.files.empty())
      setup.fail_at(
          "path",
          fmt::format(
              "'path' is {}, which holds no picture that is read (PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, "
              "AVIF, JPEG XL){}{}",
              root_.string(),
              archive_ || setup.flag("recursive") ? "" : "; 'recursive: true' looks into its folders too",
              list_.left_out.empty() ? "" : fmt::format("; {}", fmt::join(list_.left_out, "; "))));
    if (const std::string kinds = several_kinds(list_); !kinds.empty()) setup.note_at("path", kinds);
    for (const std::string& line : list_.left_out) setup.note_at("path", line);
    if (!list_.classes.empty()) setup.note_at("path", said_of_classes());
    SelectableImages images{.count = static_cast<std::int64_t>(list_.files.size()), .classes = list_.classes};
    images.name = [this](std::int64_t image) { return file(image).name; };
    if (!list_.classes.empty()) images.label = [this](std::int64_t image) { return file(image).label; };
    selection_ = Selection(setup, images);
    if (shuffled_ || setup.run().ranks > 1) return;  // other processes take some of the neighbours
    in_order_ = std::make_unique<PicturesInOrder>(
        PicturesInOrder::Source{
            .count = selection_.size(),
            .bytes = [this](std::int64_t place) { return file(selection_[place]).bytes; },
            .read =
                [this](std::int64_t place) { return bytes_of(static_cast<std::size_t>(selection_[place])); }},
        decoding_);
  }

  int picture_channels() const override { return decoding_.channels; }
  std::optional<std::int64_t> size() const override { return selection_.size(); }
  std::vector<std::string> class_names() const override { return list_.classes; }
  std::string sample_name(std::int64_t sample) const override {
    return shuffled_ ? "" : file(selection_[sample]).name;
  }

  // Names and sizes; times change whenever a folder is copied.
  std::string fingerprint() const override {
    std::string all;
    for (const PictureFile& file : list_.files) all += fmt::format("{}\n{}\n", file.name, file.bytes);
    const auto key = stream_key(0, all);
    return fmt::format("image_folder {} files {:08x}{:08x}{}", list_.files.size(), key[0], key[1],
                       selection_.fingerprint());
  }

  void forward(Call& call) const override {
    std::vector<Image>& images = call.images(images_);
    auto* label = call.out<std::int32_t>(label_);
    const auto count = static_cast<std::size_t>(images_.spec.shape[0]);
    images.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t place = call.sample(static_cast<int>(i)), sample = selection_[place];
      DecodingNotes notes;
      images[i] = read(place, notes);
      say_once(call, notes, file(sample).name);
      label[i] = file(sample).label;
    }
  }

 private:
  const PictureFile& file(std::int64_t sample) const { return list_.files[static_cast<std::size_t>(sample)]; }

  static fs::path path_of(Setup& setup) {
    return files_matching(setup.text("path")).size() > 1 ? fs::path(setup.text("path"))
                                                         : setup.readable("path");
  }

  PictureList list(Setup& setup) {
    const std::vector<fs::path> archives = archives_at(root_);
    if (archives.empty() && !fs::is_directory(root_))
      setup.fail_at("path",
                    fmt::format("'path' is {}, which is not a folder{}", root_.string(), what_it_is(root_)));
    const std::string& labels = setup.text("labels");
    const bool from_file = labels != "auto" && labels != "folders" && labels != "none";
    PictureList made;
    try {
      if (!archives.empty()) {
        archive_ = std::make_unique<PictureArchive>(archives, from_file ? "none" : labels);
        made = archive_->take_list();
      } else {
        made = list_pictures(root_, setup.flag("recursive"));
        const fs::path beside = label_file_in(root_);
        if (labels == "auto" && !beside.empty())
          label_by_file(made, beside);
        else if (labels == "auto" || labels == "folders")
          label_by_folder(made, root_);
      }
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", fmt::format("'path' is {}; {}", root_.string(), error.what()));
    }
    if (!from_file) return made;
    const fs::path file = setup.readable("labels");
    try {
      label_by_file(made, file);
    } catch (const std::runtime_error& error) {
      setup.fail_at("labels", error.what());
    }
    return made;
  }

  // The archive at `path`, or those that it matches: shards/*.tar.
  static std::vector<fs::path> archives_at(const fs::path& path) {
    const auto is_archive = [](const fs::path& p) { return p.extension() == ".zip" || is_named_like_tar(p); };
    std::vector<fs::path> found = files_matching(path.string());
    if (found.empty() || !std::all_of(found.begin(), found.end(), is_archive)) return {};
    return found;
  }

  // What reads a file that is no folder.
  static std::string what_it_is(const fs::path& path) {
    if (const std::string said = what_reads(kind_of_file(path)); !said.empty()) return "; it " + said;
    return path.extension() == ".h5" || path.extension() == ".hdf5" ? "; hdf5_images reads HDF5 files" : "";
  }

  std::vector<std::uint8_t> bytes_of(std::size_t number) const {
    return archive_ ? archive_->read(number) : read_picture_bytes(root_ / list_.files[number].name);
  }

  // Image `place` of the data set.
  Image read(std::int64_t place, DecodingNotes& notes) const {
    const auto number = static_cast<std::size_t>(selection_[place]);
    const PictureFile& picture = list_.files[number];
    try {
      Image image =
          in_order_ ? in_order_->take(place, notes) : decode_image(bytes_of(number), decoding_, &notes);
      image.name = picture.name;
      return image;
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(
          archive_ ? fmt::format("'{}' of '{}' {}", picture.name, root_.string(), error.what())
                   : fmt::format("'{}' {}", (root_ / picture.name).string(), error.what()));
    }
  }

  // The first picture of each kind is named; there may be thousands.
  void say_once(Call& call, const DecodingNotes& notes, const std::string& name) const {
    if (notes.animated && !said_animated_.test_and_set())
      call.run().told(fmt::format("'{}' is animated; of such pictures the first frame is taken", name));
    if (notes.pages && !said_pages_.test_and_set())
      call.run().told(fmt::format("'{}' has several pages; of such pictures the first is taken", name));
    if (notes.converted && !said_converted_.test_and_set())
      call.run().told(fmt::format("'{}' has a colour profile; such pictures are turned into sRGB", name));
  }

  std::string said_of_classes() const {
    std::vector<std::int64_t> counts(list_.classes.size());
    std::int64_t without = 0;
    for (const PictureFile& file : list_.files)
      ++(file.label < 0 ? without : counts[static_cast<std::size_t>(file.label)]);
    return fmt::format("classes from {}: {}{}", list_.labels_from, class_counts(list_.classes, counts),
                       without == 0 ? "" : fmt::format("; without a class {}", without));
  }

  fs::path root_;
  Output images_, label_;
  Decoding decoding_;
  bool shuffled_;
  std::unique_ptr<PictureArchive> archive_;  // null: a folder
  PictureList list_;
  Selection selection_;
  std::unique_ptr<PicturesInOrder> in_order_;  // null: they come in no order
  mutable std::atomic_flag said_animated_, said_pages_, said_converted_;
};

}  // namespace

NodeType image_folder() {
  return {
      .name = "image_folder",
      .summary = "Reads the pictures of a folder, a zip or tar archives, of any size and nearly any format.",
      .stands_for = {"source"},
      .example = "{type: image_folder, path: pictures}",
      .role = Role::data_set,
      .outputs = {{"images", "[N] images", "the pictures"},
                  {"label", "[N] i32", "number of the class, -1 without one"}},
      .parameters = Selection::parameters_behind(
          {{.name = "path",
            .kind = Kind::text,
            .doc = "folder to read, a .zip, or one or several .tar, compressed or not: shards/*.tar",
            .required = true},
           {.name = "recursive",
            .kind = Kind::boolean,
            .doc = "look into the folders below too; the first ones are the classes",
            .standard = true},
           {.name = "labels",
            .kind = Kind::text,
            .doc = "where classes come from: folders, none, or a file; auto = dataset.json, "
                   "metadata.jsonl, metadata.csv or labels.csv in the folder, else its folders",
            .standard = "auto"},
           {.name = "channels",
            .kind = Kind::integer,
            .doc = "what the pictures are turned into: 1 (grey) or 3 (red, green, blue)",
            .standard = std::int64_t{3},
            .minimum = 1,
            .maximum = 3},
           {.name = "background",
            .kind = Kind::integers,
            .doc = "red, green and blue, 0 … 255, behind transparent pixels",
            .standard = std::vector<std::int64_t>{255, 255, 255}},
           {.name = "colours",
            .kind = Kind::choice,
            .doc = "srgb = pictures with another colour profile are converted, stored = no profile is heeded",
            .standard = "srgb",
            .choices = {"srgb", "stored"}},
           {.name = "shuffle",
            .kind = Kind::boolean,
            .doc = "another order in every epoch",
            .standard = false}}),
      .shuffled_by = "shuffle",
      .create = make_node<ImageFolder>};
}

}  // namespace dagfusion
