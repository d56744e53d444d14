// npy_reader: reads an array that NumPy saved, from a .npy or .npz file; its first side counts the images.
//
// values: [N,...] of u8 (bool too), u16, i32 (other integers) or f32 (float16 and float64 too), in whatever byte order
// and order of sides the file has them. Rows are read when they are asked for, so that the file may be of any size; one
// that holds a number that is none (nan) or infinite stops the run and is named. Objects (pickles) are refused.

#include <cstring>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/file_kind.h"
#include "nodes/files/npy.h"

namespace dagfusion {
namespace {

class NpyReader final : public DataSet {
 public:
  explicit NpyReader(Setup& setup) : array_(open(setup)), finite_(setup.flag("finite")) {
    Shape shape = array_.shape();
    shape[0] = setup.run().micro_batch;
    const std::string& order = setup.text("order");
    if (order != "as_stored") {
      if (shape.size() != (order == "NHW" ? 3U : 4U))
        setup.fail_at("order", "'order' is " + order + ", but the file holds " + to_string(array_.shape()));
      if (order == "NHW") {
        shape.insert(shape.begin() + 1, 1);
      } else {
        channels_ = shape[3];
        shape = {shape[0], shape[3], shape[1], shape[2]};
      }
    }
    values_ = setup.output("values", shape, array_.dtype());
    each_ = array_.row_elements() * size_of(array_.dtype());
  }

  std::optional<std::int64_t> size() const override { return array_.rows(); }
  std::string fingerprint() const override {
    return "npy " + to_string(array_.shape()) + " " + std::to_string(array_.checksum());
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(array_.room_bytes() + 2 * kAlign + each_);
  }

  void forward(Call& call) const override {
    auto* values = call.out<std::byte>(values_);
    const std::span room(call.scratch(), array_.room_bytes());
    const std::span row(call.scratch() + array_.room_bytes() / kAlign * kAlign + kAlign, each_);
    for (int i = 0; i < values_.spec.shape[0]; ++i, values += each_) {
      array_.read(call.sample(i), channels_ == 0 ? values : row.data(), room, finite_);
      if (channels_ > 0) to_planes(row.data(), values);
    }
  }

 private:
  static constexpr std::size_t kAlign = 64;

  // [H,W,C] to [C,H,W]
  void to_planes(const std::byte* from, std::byte* to) const {
    const std::size_t item = size_of(array_.dtype()), channels = static_cast<std::size_t>(channels_);
    const std::size_t pixels = each_ / item / channels;
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t c = 0; c < channels; ++c)
        std::memcpy(to + (c * pixels + p) * item, from + (p * channels + c) * item, item);
  }

  static NpyFile open(Setup& setup) {
    const std::filesystem::path path = setup.readable("path");
    try {
      expect_kind(path, kind_of_file(path) == FileKind::npz ? FileKind::npz : FileKind::npy);
      NpyFile array(path, setup.text("key"));
      if (array.shape().empty())
        throw std::runtime_error("'" + path.string() + "' is a single number; it needs a first side");
      if (setup.text("numbers") == "whole") array.give_whole_numbers();
      return array;
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
  }

  NpyFile array_;
  bool finite_;
  std::int64_t channels_ = 0;  // to be put in front; 0: rows stay as they are
  Output values_;
  std::size_t each_;  // bytes of one image
};

}  // namespace

NodeType npy_reader() {
  return {.name = "npy_reader",
          .summary = "Reads an array that NumPy saved (.npy, .npz); its first side counts the images.",
          .stands_for = {"source"},
          .example = "{type: npy_reader, path: images.npy}",
          .role = Role::data_set,
          .outputs = {{"values", "[N,...] any", "u8, u16, i32 or f32"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "a .npy file of numbers, or a .npz archive",
                          .required = true},
                         {.name = "key",
                          .kind = Kind::text,
                          .doc = "which array of a .npz archive, when it holds several",
                          .standard = ""},
                         {.name = "order",
                          .kind = Kind::choice,
                          .doc = "of the sides of images; NHWC and NHW become [N,C,H,W]",
                          .standard = "as_stored",
                          .choices = {"as_stored", "NHWC", "NHW"}},
                         {.name = "numbers",
                          .kind = Kind::choice,
                          .doc = "whole = i32 whatever integers the file has, for labels",
                          .standard = "as_stored",
                          .choices = {"as_stored", "whole"}},
                         {.name = "finite",
                          .kind = Kind::boolean,
                          .doc = "refuse rows with a number that is none (nan) or infinite",
                          .standard = true},
                         {.name = "shuffle",
                          .kind = Kind::boolean,
                          .doc = "another order in every epoch",
                          .standard = false}},
          .shuffled_by = "shuffle",
          .create = make_node<NpyReader>};
}

}  // namespace dagfusion
