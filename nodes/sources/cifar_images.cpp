// cifar_images: reads CIFAR-10 and CIFAR-100 as they are distributed, in the binary version or the python one.
// Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", https://www.cs.toronto.edu/~kriz/cifar.html.
//
// images: [N,3,32,32] of bytes; label: [N], of CIFAR-100 the fine one. Class names stand beside the files (batches.meta and
// its like), the images' own names in the python version. A pickle is read without running anything of it.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/cifar.h"
#include "nodes/files/crc32c.h"
#include "nodes/sources/selection.h"

namespace dagfusion {
namespace {

class CifarImages final : public DataSet {
 public:
  explicit CifarImages(Setup& setup)
      : images_(setup.output("images", {setup.run().micro_batch, 3, kCifarSide, kCifarSide})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    const std::string& part = setup.text("part");
    try {
      set_ = read_cifar(setup.text("path"), part == "train"  ? CifarPart::train
                                            : part == "test" ? CifarPart::test
                                                             : CifarPart::all);
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
    SelectableImages images{.count = set_.count(), .classes = set_.classes};
    images.label = [this](std::int64_t image) { return set_.labels[static_cast<std::size_t>(image)]; };
    if (!set_.names.empty())
      images.name = [this](std::int64_t image) { return set_.names[static_cast<std::size_t>(image)]; };
    selection_ = Selection(setup, images);
  }

  std::optional<std::int64_t> size() const override { return selection_.size(); }
  std::string fingerprint() const override {
    std::uint32_t sum = crc32c(std::as_bytes(std::span(set_.pixels)));
    sum = crc32c(std::as_bytes(std::span(set_.labels)), sum);
    return fmt::format("cifar {} {:08x}{}", set_.count(), sum, selection_.fingerprint());
  }
  std::vector<std::string> class_names() const override { return set_.classes; }
  std::string sample_name(std::int64_t sample) const override {
    return set_.names.empty() ? std::string() : set_.names[static_cast<std::size_t>(selection_[sample])];
  }

  void forward(Call& call) const override {
    auto* images = call.out<std::uint8_t>(images_);
    auto* label = call.out<std::int32_t>(label_);
    for (int i = 0; i < images_.spec.shape[0]; ++i, images += kCifarPixels) {
      const std::int64_t sample = selection_[call.sample(i)];
      std::copy_n(set_.pixels.begin() + sample * kCifarPixels, kCifarPixels, images);
      label[i] = set_.labels[static_cast<std::size_t>(sample)];
    }
  }

 private:
  Output images_, label_;
  CifarSet set_;
  Selection selection_;
};

}  // namespace

NodeType cifar_images() {
  return {.name = "cifar_images",
          .summary = "Reads CIFAR-10 and CIFAR-100 as they are distributed, binary or python.",
          .stands_for = {"source"},
          .paper = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
          .example = "{type: cifar_images, path: cifar-10-batches-bin}",
          .role = Role::data_set,
          .outputs = {{"images", "[N,3,32,32] u8", "images"}, {"label", "[N] i32", "class of each image"}},
          .parameters = Selection::parameters_behind(
              {{.name = "path",
                .kind = Kind::text,
                .doc = "the .tar.gz, its unpacked folder, or files: cifar-10-batches-py/test_batch",
                .required = true},
               {.name = "part",
                .kind = Kind::choice,
                .doc = "which images of a folder or .tar.gz; files are taken as they are named",
                .standard = "train",
                .choices = {"train", "test", "all"}},
               {.name = "shuffle",
                .kind = Kind::boolean,
                .doc = "another order in every epoch",
                .standard = false}}),
          .shuffled_by = "shuffle",
          .create = make_node<CifarImages>};
}

}  // namespace dagfusion
