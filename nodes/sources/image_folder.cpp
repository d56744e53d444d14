// image_folder: reads the pictures of a folder, of whatever size they are.
//
// Takes every *.png, *.jpg, *.jpeg, *.webp and *.bmp (in either case, hidden files left out), in the order of
// the paths' bytes; what a file is follows from its content. JPEG files are turned upright as their EXIF
// orientation says, 16 bits are rounded to 8, transparent pixels show the background. Links to folders are
// not followed. images: [N] of any size, up to 64 Mpixel each; label: [N], the number of the class folder
// (the first folder below `path`, sorted by name, from 0), or -1 for a picture outside any. A file that
// cannot be used stops the run and is named; with `on_error: drop` its frame is left out instead.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/decode.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string name;  // below the folder
  std::uintmax_t bytes = 0;
  std::int32_t label = -1;
};

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::set<std::string> kEndings = {".png", ".jpg", ".jpeg", ".webp", ".bmp"};
  return kEndings.contains(ending) && path.filename().string().front() != '.';
}

template <class Iterator>
std::vector<File> list(const fs::path& root) {
  std::vector<File> files;
  for (const fs::directory_entry& entry : Iterator(root))
    if (entry.is_regular_file() && is_picture(entry.path()))
      files.push_back({entry.path().lexically_relative(root).generic_string(), entry.file_size()});
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
  return files;
}

// Numbers the class folders in the order of their names.
void label_by_folder(std::vector<File>& files) {
  const auto folder = [](const File& file) { return file.name.substr(0, file.name.find('/')); };
  std::set<std::string> classes;
  for (const File& file : files)
    if (file.name.find('/') != std::string::npos) classes.insert(folder(file));
  for (File& file : files)
    if (const auto found = classes.find(folder(file));
        file.name.find('/') != std::string::npos && found != classes.end())
      file.label = static_cast<std::int32_t>(std::distance(classes.begin(), found));
}

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
    try {
      files_ =
          recursive ? list<fs::recursive_directory_iterator>(root_) : list<fs::directory_iterator>(root_);
    } catch (const fs::filesystem_error& error) {
      setup.fail_at("path", fmt::format("'path' is {}, which cannot be listed: {} ({})", root_.string(),
                                        error.code().message(), error.path1().string()));
    }
    if (files_.empty())
      setup.fail_at("path",
                    fmt::format("'path' is {}, which holds no PNG, JPEG, WebP or BMP file{}", root_.string(),
                                recursive ? "" : "; 'recursive: true' looks into its folders too"));
    label_by_folder(files_);
  }

  std::optional<std::int64_t> size() const override { return static_cast<std::int64_t>(files_.size()); }

  // Names and sizes; times change whenever a folder is copied.
  std::string fingerprint() const override {
    std::string all;
    for (const File& file : files_) all += fmt::format("{}\n{}\n", file.name, file.bytes);
    const auto key = stream_key(0, all);
    return fmt::format("image_folder {} files {:08x}{:08x}", files_.size(), key[0], key[1]);
  }

  void forward(Call& call) const override {
    std::vector<Image>& images = call.images(images_);
    auto* label = call.out<std::int32_t>(label_);
    const auto count = static_cast<std::size_t>(images_.spec.shape[0]);
    images.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const File& file = files_[static_cast<std::size_t>(call.sample(static_cast<int>(i)))];
      images[i] = read_image(root_ / file.name, file.name, decoding_);
      label[i] = file.label;
    }
  }

 private:
  fs::path root_;
  Output images_, label_;
  Decoding decoding_;
  std::vector<File> files_;
};

}  // namespace

NodeType image_folder() {
  return {.name = "image_folder",
          .summary = "Reads the PNG, JPEG, WebP and BMP pictures of a folder, of any size.",
          .stands_for = {"source"},
          .example = "{type: image_folder, path: pictures}",
          .role = Role::data_set,
          .outputs = {{"images", "[N] images", "the pictures"},
                      {"label", "[N] i32", "number of the class folder, sorted by name; -1 outside any"}},
          .parameters = {{.name = "path", .kind = Kind::text, .doc = "folder to read", .required = true},
                         {.name = "recursive",
                          .kind = Kind::boolean,
                          .doc = "look into the folders below too; the first ones are the classes",
                          .standard = true},
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
