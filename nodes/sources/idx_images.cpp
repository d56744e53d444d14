// idx_images: reads MNIST and what is stored like it: IDX files, compressed by gzip or not.
// LeCun, Cortes, Burges, "The MNIST database", http://yann.lecun.com/exdb/mnist, "file formats".
//
// images: [N,1,H,W] of bytes; label: [N], -1 without a file of labels.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/file_kind.h"
#include "nodes/files/idx.h"
#include "nodes/sources/selection.h"

namespace dagfusion {
namespace {

class IdxImages final : public DataSet {
 public:
  explicit IdxImages(Setup& setup) : images_(open(setup, "path", 3)) {
    if (!setup.text("labels").empty()) {
      labels_ = open(setup, "labels", 1);
      if (labels_.shape[0] != images_.shape[0])
        setup.fail_at("labels", fmt::format("'labels' has {} of them, but there are {} images",
                                            labels_.shape[0], images_.shape[0]));
    }
    const std::int64_t frame = setup.run().micro_batch;
    x_ = setup.output("images", {frame, 1, images_.shape[1], images_.shape[2]});
    label_ = setup.output("label", {frame});
    each_ = static_cast<std::size_t>(images_.shape[1] * images_.shape[2]);
    SelectableImages images{.count = images_.shape[0], .classes = class_names()};
    if (!labels_.bytes.empty())
      images.label = [this](std::int64_t image) {
        return std::int32_t{labels_.bytes[static_cast<std::size_t>(image)]};
      };
    selection_ = Selection(setup, images);
  }

  std::optional<std::int64_t> size() const override { return selection_.size(); }
  std::string fingerprint() const override {
    return fmt::format("idx {} {:08x} {:08x}{}", to_string(images_.shape),
                       crc32c(std::as_bytes(std::span(images_.bytes))),
                       crc32c(std::as_bytes(std::span(labels_.bytes))), selection_.fingerprint());
  }
  std::vector<std::string> class_names() const override {
    std::vector<std::string> names;
    int most = -1;
    for (const std::uint8_t label : labels_.bytes) most = std::max(most, int{label});
    for (int i = 0; i <= most; ++i) names.push_back(std::to_string(i));
    return names;
  }

  void forward(Call& call) const override {
    auto* x = call.out<std::uint8_t>(x_);
    auto* label = call.out<std::int32_t>(label_);
    for (int i = 0; i < x_.spec.shape[0]; ++i, x += each_) {
      const auto sample = static_cast<std::size_t>(selection_[call.sample(i)]);
      std::copy_n(images_.bytes.begin() + static_cast<std::ptrdiff_t>(sample * each_), each_, x);
      label[i] = labels_.bytes.empty() ? -1 : labels_.bytes[sample];
    }
  }

 private:
  static IdxFile open(Setup& setup, std::string_view parameter, std::size_t sides) {
    const std::filesystem::path path = setup.readable(parameter);
    try {
      expect_kind(path, FileKind::idx);
      IdxFile file = read_idx(path);
      if (file.shape.size() != sides)
        throw std::runtime_error(fmt::format("'{}' holds {}, not {}", path.string(), to_string(file.shape),
                                             sides == 1 ? "labels [N]" : "images [N,H,W]"));
      return file;
    } catch (const std::runtime_error& error) {
      setup.fail_at(parameter, error.what());
    }
  }

  IdxFile images_, labels_;
  std::size_t each_ = 0;
  Selection selection_;
  Output x_, label_;
};

}  // namespace

NodeType idx_images() {
  return {
      .name = "idx_images",
      .summary = "Reads MNIST and its like: IDX files, compressed by gzip or not.",
      .stands_for = {"source"},
      .example = "{type: idx_images, path: train-images-idx3-ubyte.gz, labels: train-labels-idx1-ubyte.gz}",
      .role = Role::data_set,
      .outputs = {{"images", "[N,1,H,W] u8", "images"},
                  {"label", "[N] i32", "class of each image, -1 when unknown"}},
      .parameters = Selection::parameters_behind(
          {{.name = "path", .kind = Kind::text, .doc = "file of the images", .required = true},
           {.name = "labels", .kind = Kind::text, .doc = "file of the classes", .standard = ""},
           {.name = "shuffle",
            .kind = Kind::boolean,
            .doc = "another order in every epoch",
            .standard = false}}),
      .shuffled_by = "shuffle",
      .create = make_node<IdxImages>};
}

}  // namespace dagfusion
