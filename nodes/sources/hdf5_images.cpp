// hdf5_images: reads images of one size from an HDF5 file that hdf5_writer made.
//
// images: [N,C,H,W]; label: [N], the class of each image, -1 where the file knows none.
// Files of other programs do too when they have /images u8 [N,H,W,C] with one chunk of deflate for each image
// (h5py: chunks=(1, h, w, c), compression="gzip"); /labels [N] is optional. Every image is checked against
// its CRC32C when it is read; a file that points outside itself is refused.

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/image_file.h"
#include "nodes/files/planes.h"

namespace dagfusion {
namespace {

constexpr std::int32_t kMostClasses = 65536;

class Hdf5Images final : public DataSet {
 public:
  explicit Hdf5Images(Setup& setup)
      : file_(open(setup)),
        images_(setup.output("images",
                             {setup.run().micro_batch, file_.channels(), file_.height(), file_.width()})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    if (setup.flag("labels") && !file_.has_labels())
      setup.fail_at("labels", "'labels' is true, but '" + setup.text("path") + "' has no dataset '/labels'");
  }

  std::optional<std::int64_t> size() const override { return file_.count(); }
  std::string fingerprint() const override { return file_.fingerprint(); }
  std::vector<std::string> class_names() const override {
    std::int32_t largest = -1;
    for (std::int64_t image = 0; file_.has_labels() && image < file_.count(); ++image)
      largest = std::max(largest, file_.label(image));
    std::vector<std::string> names;
    if (largest >= kMostClasses) return names;  // something else than classes
    for (std::int32_t label = 0; label <= largest; ++label) names.push_back(std::to_string(label));
    return names;
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(file_.room_bytes() + file_.image_bytes());
    file_.read_index();
  }

  void forward(Call& call) const override {
    auto* images = call.out<std::uint8_t>(images_);
    auto* label = call.out<std::int32_t>(label_);
    auto* scratch = reinterpret_cast<std::uint8_t*>(call.scratch());
    const std::span room(scratch, file_.room_bytes());
    const std::span pixels(scratch + room.size(), file_.image_bytes());
    for (int i = 0; i < images_.spec.shape[0]; ++i, images += pixels.size()) {
      const std::int64_t image = call.sample(i);
      file_.read(image, pixels, room);
      pixels_to_planes(pixels.data(), file_.width() * file_.channels(), file_.channels(), file_.height(),
                       file_.width(), images);
      label[i] = file_.has_labels() ? file_.label(image) : -1;
    }
  }

 private:
  static ImageFile open(Setup& setup) {
    const std::filesystem::path path = setup.readable("path");
    try {
      return ImageFile(path);
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
  }

  ImageFile file_;
  Output images_, label_;
};

}  // namespace

NodeType hdf5_images() {
  return {.name = "hdf5_images",
          .summary = "Reads images of one size, and their classes, from an HDF5 file.",
          .stands_for = {"source"},
          .example = "{type: hdf5_images, path: images.h5, shuffle: true}",
          .role = Role::data_set,
          .outputs = {{"images", "[N,C,H,W] u8", "images"},
                      {"label", "[N] i32", "class of each image, -1 when unknown"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "file that hdf5_writer, or another program in its format, has made",
                          .required = true},
                         {.name = "labels",
                          .kind = Kind::boolean,
                          .doc = "refuse a file without classes",
                          .standard = false},
                         {.name = "shuffle",
                          .kind = Kind::boolean,
                          .doc = "another order in every epoch",
                          .standard = false}},
          .shuffled_by = "shuffle",
          .create = make_node<Hdf5Images>};
}

}  // namespace dagfusion
