// cifar_images: reads CIFAR-10 and CIFAR-100 in their binary version, as it is distributed.
// Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html.
//
// images: [N,3,32,32] of bytes; label: [N], of CIFAR-100 the fine one. Class names: batches.meta.txt or
// fine_label_names.txt beside the files.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/durable.h"
#include "nodes/files/files_matching.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32, kPixels = 3 * kSide * kSide;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

class CifarImages final : public DataSet {
 public:
  explicit CifarImages(Setup& setup)
      : images_(setup.output("images", {setup.run().micro_batch, 3, kSide, kSide})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    try {
      for (const fs::path& path : paths(setup)) take(path);
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
  }

  std::optional<std::int64_t> size() const override {
    return static_cast<std::int64_t>(bytes_.size() / record_);
  }
  std::string fingerprint() const override {
    return fmt::format("cifar {} {:08x}", bytes_.size() / record_, crc32c(std::as_bytes(std::span(bytes_))));
  }
  std::vector<std::string> class_names() const override { return names_; }

  void forward(Call& call) const override {
    auto* images = call.out<std::uint8_t>(images_);
    auto* label = call.out<std::int32_t>(label_);
    for (int i = 0; i < images_.spec.shape[0]; ++i, images += kPixels) {
      const char* record = bytes_.data() + static_cast<std::size_t>(call.sample(i)) * record_;
      const char* pixels = record + record_ - kPixels;
      label[i] = static_cast<std::uint8_t>(pixels[-1]);
      std::copy_n(pixels, kPixels, reinterpret_cast<char*>(images));
    }
  }

 private:
  static std::vector<fs::path> paths(Setup& setup) {
    const std::string& typed = setup.text("path");
    std::vector<fs::path> found =
        files_matching(fs::is_directory(typed) ? (fs::path(typed) / "data_batch_*.bin").string() : typed);
    if (found.empty() && fs::is_directory(typed))
      found = files_matching((fs::path(typed) / "train.bin").string());
    if (!found.empty()) return found;
    throw std::runtime_error(
        fmt::format("'{}' holds no data_batch_*.bin or train.bin of CIFAR's binary version", typed));
  }

  // One byte of label before the pixels, or two of CIFAR-100: the coarse one, the fine one.
  void take(const fs::path& path) {
    const std::string all = read_text(path, kMostBytes);
    const std::size_t one = kPixels + 1, two = kPixels + 2;
    const std::size_t record = all.size() % one == 0 ? one : all.size() % two == 0 ? two : 0;
    if (all.starts_with("\x80"))
      throw std::runtime_error(fmt::format(
          "'{}' is a pickle of CIFAR's python version; the binary version is read", path.string()));
    if (all.empty() || record == 0 || (record_ != 0 && record != record_))
      throw std::runtime_error(fmt::format("'{}' has {} bytes, which are no images of {} or {}",
                                           path.string(), all.size(), one, two));
    record_ = record;
    bytes_ += all;
    const fs::path folder = path.parent_path();
    const fs::path names = folder / (record == one ? "batches.meta.txt" : "fine_label_names.txt");
    if (names_.empty() && fs::is_regular_file(names)) take_names(read_text(names, 1 << 20));
  }

  void take_names(const std::string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string name = text.substr(begin, end - begin);
      while (!name.empty() && name.back() <= ' ') name.pop_back();
      if (!name.empty()) names_.push_back(name);
      begin = end + 1;
    }
  }

  Output images_, label_;
  std::string bytes_;
  std::size_t record_ = 0;
  std::vector<std::string> names_;
};

}  // namespace

NodeType cifar_images() {
  return {
      .name = "cifar_images",
      .summary = "Reads CIFAR-10 and CIFAR-100 in their binary version.",
      .stands_for = {"source"},
      .paper = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
      .example = "{type: cifar_images, path: cifar-10-batches-bin}",
      .role = Role::data_set,
      .outputs = {{"images", "[N,3,32,32] u8", "images"}, {"label", "[N] i32", "class of each image"}},
      .parameters =
          {{.name = "path",
            .kind = Kind::text,
            .doc =
                "the unpacked folder, for its training images, or files: cifar-10-batches-bin/test_batch.bin",
            .required = true},
           {.name = "shuffle",
            .kind = Kind::boolean,
            .doc = "another order in every epoch",
            .standard = false}},
      .shuffled_by = "shuffle",
      .create = make_node<CifarImages>};
}

}  // namespace dagfusion
