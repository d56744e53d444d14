// side_by_side: up to six pictures of each image, as stages of a row for png_grid.
//
//   y[n] = [a[n], b[n], …]
//
// a, b, …: [N,C,H,W]; y: [N,K,C,H,W], K: how many are wired.
#include <algorithm>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

constexpr const char* kPorts[] = {"a", "b", "c", "d", "e", "f"};

class SideBySide final : public Map {
 public:
  explicit SideBySide(Setup& setup) {
    for (const char* port : kPorts)
      if (const Input input = setup.input(port); input.connected()) inputs_.push_back(input);
    const Shape& image = inputs_.front().spec.shape;
    each_ = count_of(image) / image[0];
    Shape shape = image;
    shape.insert(shape.begin() + 1, static_cast<std::int64_t>(inputs_.size()));
    y_ = setup.output("y", shape);
  }

  void forward(Call& call) const override {
    auto* y = call.out<std::uint8_t>(y_);
    for (std::int64_t n = 0; n < y_.spec.shape[0]; ++n)
      for (const Input& input : inputs_) y = std::copy_n(call.in<std::uint8_t>(input) + n * each_, each_, y);
  }

 private:
  std::vector<Input> inputs_;
  Output y_;
  std::int64_t each_;  // bytes of one image
};

}  // namespace

NodeType side_by_side() {
  std::vector<Port> ports = {{"a", "[N,C,H,W] u8", "first in the row"}};
  for (const char* port : kPorts)
    if (*port != 'a')
      ports.push_back({.name = port, .spec = "[N,C,H,W] u8", .doc = "next in the row", .optional = true});
  return {.name = "side_by_side",
          .summary = "Up to six pictures of each image, as stages of a row for png_grid.",
          .example = "{type: side_by_side, in: {a: before, b: after}}",
          .inputs = ports,
          .outputs = {{"y", "[N,K,C,H,W] u8", "rows"}},
          .create = make_node<SideBySide>};
}

}  // namespace dagfusion
