// image_folder: reads the pictures of a folder, of whatever size they are.
//
// Takes every *.png, *.jpg, *.jpeg, *.webp and *.bmp (in either case), in the order of the paths' bytes; what a
// file is follows from its content. What is left out is counted by kind: files of other kinds, hidden ones, links
// to folders. Pictures are turned upright as their EXIF orientation says, 16 bits are rounded to 8, transparent
// pixels show the background. images: [N] of any size, up to 64 Mpixel each; label: [N], the number of the class
// folder (the first folder below `path`, in natural order, from 0) or what a file of labels says, -1 for a picture
// without a class. A file that cannot be used stops the run and is named; with `on_error: drop` its frame is left
// out instead.

#include <fmt/format.h>

#include <algorithm>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/decode.h"
#include "nodes/files/picture_list.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class ImageFolder final : public DataSet {
 public:
  explicit ImageFolder(Setup& setup)
      : root_(setup.readable("path")),
        images_(setup.output("images", {setup.run().micro_batch})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    decoding_.channels = static_cast<int>(setup.integer("channels"));
    if (decoding_.channels == 2)
      setup.fail_at("channels", "'channels' is 2; it takes 1 (grey) or 3 (red, green, blue)");
    const std::vector<std::int64_t>& background = setup.parameters().integers("background");
    const auto is_byte = [](std::int64_t value) { return value >= 0 && value <= 255; };
    if (background.size() != 3 || !std::all_of(background.begin(), background.end(), is_byte))
      setup.fail_at("background",
                    fmt::format("'background' is {}; it takes red, green and blue, each from 0 to 255",
                                to_string(setup.parameters().setting("background"))));
    std::copy(background.begin(), background.end(), decoding_.background.begin());

    if (!fs::is_directory(root_))
      setup.fail_at("path", fmt::format("'path' is {}, which is not a folder", root_.string()));
    const bool recursive = setup.flag("recursive");
    list_ = list(setup, recursive);
    if (list_.files.empty())
      setup.fail_at(
          "path",
          fmt::format("'path' is {}, which holds no PNG, JPEG, WebP or BMP file{}{}", root_.string(),
                      recursive ? "" : "; 'recursive: true' looks into its folders too",
                      list_.left_out.empty() ? "" : fmt::format("; {}", fmt::join(list_.left_out, "; "))));
    label(setup);
    for (const std::string& line : list_.left_out) setup.note_at("path", line);
    if (!list_.classes.empty()) setup.note_at("path", said_of_classes());
  }

  std::optional<std::int64_t> size() const override { return static_cast<std::int64_t>(list_.files.size()); }
  std::vector<std::string> class_names() const override { return list_.classes; }
  std::string sample_name(std::int64_t sample) const override { return file(sample).name; }

  // Names and sizes; times change whenever a folder is copied.
  std::string fingerprint() const override {
    std::string all;
    for (const PictureFile& file : list_.files) all += fmt::format("{}\n{}\n", file.name, file.bytes);
    const auto key = stream_key(0, all);
    return fmt::format("image_folder {} files {:08x}{:08x}", list_.files.size(), key[0], key[1]);
  }

  void forward(Call& call) const override {
    std::vector<Image>& images = call.images(images_);
    auto* label = call.out<std::int32_t>(label_);
    const auto count = static_cast<std::size_t>(images_.spec.shape[0]);
    images.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const PictureFile& picture = file(call.sample(static_cast<int>(i)));
      images[i] = read_image(root_ / picture.name, picture.name, decoding_);
      label[i] = picture.label;
    }
  }

 private:
  const PictureFile& file(std::int64_t sample) const { return list_.files[static_cast<std::size_t>(sample)]; }

  PictureList list(Setup& setup, bool recursive) const {
    try {
      return list_pictures(root_, recursive);
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", fmt::format("'path' is {}; {}", root_.string(), error.what()));
    }
  }

  void label(Setup& setup) {
    const std::string& wanted = setup.text("labels");
    try {
      const fs::path beside = label_file_in(root_);
      if (wanted == "none") return;
      if (wanted == "folders" || (wanted == "auto" && beside.empty())) return label_by_folder(list_, root_);
      label_by_file(list_, wanted == "auto" ? beside : setup.readable("labels"));
    } catch (const std::runtime_error& error) {
      setup.fail_at("labels", error.what());
    }
  }

  std::string said_of_classes() const {
    std::vector<std::int64_t> counts(list_.classes.size());
    std::int64_t without = 0;
    for (const PictureFile& file : list_.files)
      ++(file.label < 0 ? without : counts[static_cast<std::size_t>(file.label)]);
    return fmt::format("{} from {}: {}{}", counted(static_cast<std::int64_t>(counts.size()), "class"),
                       list_.labels_from, class_counts(list_.classes, counts),
                       without == 0 ? "" : fmt::format("; without a class {}", without));
  }

  fs::path root_;
  Output images_, label_;
  Decoding decoding_;
  PictureList list_;
};

}  // namespace

NodeType image_folder() {
  return {.name = "image_folder",
          .summary = "Reads the PNG, JPEG, WebP and BMP pictures of a folder, of any size.",
          .stands_for = {"source"},
          .example = "{type: image_folder, path: pictures}",
          .role = Role::data_set,
          .outputs = {{"images", "[N] images", "the pictures"},
                      {"label", "[N] i32", "number of the class, -1 without one"}},
          .parameters = {{.name = "path", .kind = Kind::text, .doc = "folder to read", .required = true},
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
                         {.name = "shuffle",
                          .kind = Kind::boolean,
                          .doc = "another order in every epoch",
                          .standard = false}},
          .shuffled_by = "shuffle",
          .create = make_node<ImageFolder>};
}

}  // namespace dagfusion
