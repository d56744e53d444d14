// npy_images: reads images of one size, and their classes, from arrays that NumPy saved (.npy, .npz).
//
// images: [N,C,H,W], bytes, or numbers in [-1,1] with `values: signed`; label: [N], the class of each image, -1 where the
// file knows none. In the file: integers or floats of any width and byte order, as [N,H,W,C], [N,C,H,W] or [N,H,W], or flat
// rows with `shape`. Of a .npz, images and labels are found by the usual names (images and labels, x_train and y_train,
// train_images and train_labels). Black and white are the ends of the usual range that holds all numbers: 0 … 1, -1 … 1,
// 0 … 255, or 0 … 65535 for uint16; what lies outside stops the run and is named.

#include "nodes/files/npy_images.h"

#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/sources/image_array.h"
#include "nodes/sources/selection.h"

namespace dagfusion {
namespace {

class NpyImagesNode final : public DataSet {
 public:
  explicit NpyImagesNode(Setup& setup) : signed_(setup.text("values") == "signed"), file_(open(setup)) {
    const PixelOrder& order = file_.order();
    const std::int64_t frame = setup.run().micro_batch;
    images_ = setup.output("images", {frame, order.channels, order.height, order.width},
                           signed_ ? DType::f32 : DType::u8);
    label_ = setup.output("label", {frame});
    for (const std::string& note : file_.notes()) setup.note_at("path", note);
    SelectableImages images{.count = file_.count(), .classes = file_.class_names()};
    if (file_.has_labels()) images.label = [this](std::int64_t image) { return file_.label(image); };
    selection_ = Selection(setup, images);
  }

  std::optional<std::int64_t> size() const override { return selection_.size(); }
  std::string fingerprint() const override { return file_.fingerprint() + selection_.fingerprint(); }
  std::vector<std::string> class_names() const override { return file_.class_names(); }

  void prepare(Preparation& preparation) override { preparation.scratch(file_.room_bytes()); }

  void forward(Call& call) const override {
    auto* label = call.out<std::int32_t>(label_);
    const std::span room(call.scratch(), file_.room_bytes());
    for (int i = 0; i < images_.spec.shape[0]; ++i) {
      const std::int64_t image = selection_[call.sample(i)];
      const std::size_t at = static_cast<std::size_t>(i) * file_.image_numbers();
      if (signed_)
        file_.read_signed(image, call.out<float>(images_) + at, room);
      else
        file_.read_planes(image, call.out<std::uint8_t>(images_) + at, room);
      label[i] = file_.has_labels() ? file_.label(image) : -1;
    }
  }

 private:
  static NpyImages open(Setup& setup) {
    const std::filesystem::path path = setup.readable("path");
    NpyImagesOptions options{.key = setup.text("key"),
                             .label_key = setup.text("label_key"),
                             .order = setup.text("order"),
                             .shape = setup.parameters().integers("shape"),
                             .range = image_range(setup)};
    if (!setup.text("labels").empty()) options.labels = setup.readable("labels");
    for (const std::int64_t side : options.shape)
      if (side < 1)
        setup.fail_at("shape", fmt::format("'shape' has a side of {}; it takes numbers above 0", side));
    try {
      return NpyImages(path, options);
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
  }

  bool signed_;
  NpyImages file_;
  Selection selection_;
  Output images_, label_;
};

}  // namespace

namespace {

std::vector<Parameter> own_parameters() {
  std::vector<Parameter> all = {
      {.name = "path", .kind = Kind::text, .doc = "a .npy or .npz file", .required = true}};
  for (Parameter& one :
       image_array_parameters({"the array of images in a .npz; found when only one could be",
                               "the array of classes in a .npz, or none; found by the usual names",
                               "the usual range that holds them all"}))
    all.push_back(std::move(one));
  all.push_back({.name = "labels",
                 .kind = Kind::text,
                 .doc = "another file that holds the classes; none = the same .npz, if it has any",
                 .standard = ""});
  all.push_back({.name = "shape",
                 .kind = Kind::integers,
                 .doc = "of one image, where an array has it as a flat row: [28, 28]",
                 .standard = std::vector<std::int64_t>{}});
  all.push_back(
      {.name = "shuffle", .kind = Kind::boolean, .doc = "another order in every epoch", .standard = false});
  return all;
}

}  // namespace

NodeType npy_images() {
  return {.name = "npy_images",
          .summary = "Reads images of one size, and their classes, from arrays of NumPy (.npy, .npz).",
          .stands_for = {"source"},
          .example = "{type: npy_images, path: images.npy}",
          .role = Role::data_set,
          .outputs = {{"images", "[N,C,H,W] any", "images: u8, or f32 in [-1,1] with `values: signed`"},
                      {"label", "[N] i32", "class of each image, -1 when unknown"}},
          .parameters = Selection::parameters_behind(own_parameters()),
          .shuffled_by = "shuffle",
          .create = make_node<NpyImagesNode>};
}

}  // namespace dagfusion
