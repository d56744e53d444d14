// image_numbers: counts images, 0, 1, 2, …:
// the source of a sampling pipeline, which starts from nothing but a number.
//
// number: [N], 0 … count - 1. Noise made for image k depends on k alone, so image 5 of 8 is image 5 of 800.

#include "graph/types/catalog.h"
#include "graph/types/setup.h"

namespace dagfusion {
namespace {

class ImageNumbers final : public DataSet {
 public:
  explicit ImageNumbers(Setup& setup)
      : count_(setup.integer("count")), number_(setup.output("number", {setup.run().micro_batch})) {}

  std::optional<std::int64_t> size() const override { return count_; }
  std::string fingerprint() const override { return "image_numbers " + std::to_string(count_); }

  void forward(Call& call) const override {
    auto* number = call.out<std::int32_t>(number_);
    for (int i = 0; i < number_.spec.shape[0]; ++i) number[i] = static_cast<std::int32_t>(call.sample(i));
  }

 private:
  std::int64_t count_;
  Output number_;
};

}  // namespace

NodeType image_numbers() {
  return {.name = "image_numbers",
          .summary = "Counts images from 0; the source of a sampling pipeline.",
          .stands_for = {"source"},
          .example = "{type: image_numbers, count: 64}",
          .role = Role::data_set,
          .outputs = {{"number", "[N] i32", "number of each image, from 0"}},
          .parameters = {{.name = "count",
                          .kind = Kind::integer,
                          .doc = "how many images",
                          .required = true,
                          .minimum = 1,
                          .maximum = 2147483647}},
          .create = make_node<ImageNumbers>};
}

}  // namespace dagfusion
