// npy_reader: reads an array that NumPy saved; its first side counts the images.
//
// values: [N,...] of u8, u16, i32 or f32, as the file says.

#include <cstring>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/npy.h"

namespace dagfusion {
namespace {

class NpyReader final : public DataSet {
 public:
  explicit NpyReader(Setup& setup) : array_(open(setup)) {
    Shape shape = array_.shape;
    shape[0] = setup.run().micro_batch;
    values_ = setup.output("values", shape, array_.dtype);
    each_ = array_.bytes.size() / static_cast<std::size_t>(array_.shape[0]);
  }

  std::optional<std::int64_t> size() const override { return array_.shape[0]; }
  std::string fingerprint() const override {
    return "npy " + to_string(array_.shape) + " " + std::to_string(crc32c(array_.bytes));
  }

  void forward(Call& call) const override {
    auto* values = call.out<std::byte>(values_);
    for (int i = 0; i < values_.spec.shape[0]; ++i)
      std::memcpy(values + static_cast<std::size_t>(i) * each_,
                  array_.bytes.data() + static_cast<std::size_t>(call.sample(i)) * each_, each_);
  }

 private:
  static NpyArray open(Setup& setup) {
    const std::filesystem::path path = setup.readable("path");
    try {
      NpyArray array = read_npy(path);
      if (array.shape.empty())
        throw std::runtime_error("'" + path.string() + "' is a single number; it needs a first side");
      return array;
    } catch (const std::runtime_error& error) {
      setup.fail_at("path", error.what());
    }
  }

  NpyArray array_;
  Output values_;
  std::size_t each_;  // bytes of one image
};

}  // namespace

NodeType npy_reader() {
  return {.name = "npy_reader",
          .summary = "Reads an array that NumPy saved; its first side counts the images.",
          .stands_for = {"source"},
          .example = "{type: npy_reader, path: images.npy}",
          .role = Role::data_set,
          .outputs = {{"values", "[N,...] any", "as the file holds them"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "a .npy file of uint8, uint16, int32 or float32",
                          .required = true},
                         {.name = "shuffle",
                          .kind = Kind::boolean,
                          .doc = "another order in every epoch",
                          .standard = false}},
          .shuffled_by = "shuffle",
          .create = make_node<NpyReader>};
}

}  // namespace dagfusion
