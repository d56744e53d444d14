// png_folder: writes every image of a run into a PNG file of its own: 00000.png, 00001.png, …
//
// x: [N,C,H,W], C = 1 (grey) or 3 (red, green, blue). A file is called by its image's number, and gets its name when it
// is on the disk, together with up to a thousand others. `path` is relative to the run's directory when there is one.

#include <fmt/format.h>

#include <stdexcept>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/many_files.h"
#include "nodes/files/planes.h"
#include "nodes/files/png_file.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class PngFolder final : public Ordered {
 public:
  explicit PngFolder(Setup& setup)
      : wanted_(setup.text("path")), overwrite_(setup.flag("overwrite")), x_(setup.input("x")) {
    const Shape& shape = x_.spec.shape;
    if (shape[1] != 1 && shape[1] != 3)
      setup.fail_at_input("x", fmt::format("input 'x' is {} with {} channels; a PNG file takes 1 or 3",
                                           to_string(shape), shape[1]));
    // Below the directory of a run there is nothing yet.
    if (!overwrite_ && (setup.run().output.empty() || fs::path(wanted_).is_absolute()) && is_used(wanted_))
      setup.fail_at("path", used(wanted_));
  }

  void run(Call& call) override {
    if (folder_.empty()) {
      folder_ = call.run().resolve(wanted_);
      if (!overwrite_ && is_used(folder_)) throw std::runtime_error(used(folder_));
    }
    const Shape& shape = x_.spec.shape;
    const std::int64_t channels = shape[1], height = shape[2], width = shape[3];
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(channels * height * width));
    const auto* x = call.in<std::uint8_t>(x_);
    for (int i = 0; i < call.valid(); ++i, ++written_) {
      planes_to_pixels(x + static_cast<std::size_t>(i) * pixels.size(), channels, height, width,
                       pixels.data(), width * channels);
      files_.add(
          folder_ / fmt::format("{:05}.png", call.position() + i),
          encoded_png(pixels, static_cast<int>(height), static_cast<int>(width), static_cast<int>(channels)));
    }
  }

  void finish(RunInfo& run) override {
    files_.publish();
    run.told(fmt::format("{} in {}", counted(written_, "image"), run.resolve(wanted_).string()));
    folder_.clear();  // a preview runs again
    written_ = 0;
  }

 private:
  static bool is_used(const fs::path& path) {
    return fs::exists(path) && !(fs::is_directory(path) && fs::is_empty(path));
  }
  static std::string used(const fs::path& path) {
    return fmt::format("'{}' exists and is not empty; choose another path, or say overwrite: true",
                       path.string());
  }

  std::string wanted_;
  bool overwrite_;
  Input x_;
  fs::path folder_;
  ManyFiles files_;
  std::int64_t written_ = 0;
};

}  // namespace

NodeType png_folder() {
  return {.name = "png_folder",
          .summary = "Writes every image of a run into a PNG file of its own.",
          .stands_for = {"sink"},
          .example = "{type: png_folder, in: bytes, path: samples}",
          .role = Role::ordered,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "folder to write into, below the run's directory",
                          .standard = std::string("samples")},
                         {.name = "overwrite",
                          .kind = Kind::boolean,
                          .doc = "write into a folder that is not empty, over files of the same name",
                          .standard = false}},
          .create = make_node<PngFolder>};
}

}  // namespace dagfusion
