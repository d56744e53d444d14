// to_bytes: turns what a model made, in [-1,1], into bytes.
//
//   y = round(min(max((x + 1) * 127.5, 0), 255)), halves to the even neighbour
//
// That is what Hugging Face's pipelines do; the code of Nichol and Dhariwal 2021 (arXiv:2102.09672) cuts the
// fraction off instead, which is half a grey level darker. What is not a number becomes 0. x: [N,...], values
// outside [-1,1] are clipped; y: [N,...] in 0 … 255.

#include <cmath>

#include "graph/setup.h"
#include "nodes/catalog.h"

namespace dagfusion {
namespace {

class ToBytes final : public Map {
 public:
  explicit ToBytes(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const auto* x = call.in<float>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    const std::int64_t count = count_of(x_.spec.shape);
    for (std::int64_t i = 0; i < count; ++i) {
      const float level = (x[i] + 1.0f) * 127.5f;
      const float inside = level > 0.0f ? std::fmin(level, 255.0f) : 0.0f;  // false for what is not a number
      y[i] = static_cast<std::uint8_t>(std::lrint(inside));
    }
  }

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType to_bytes() {
  return {.name = "to_bytes",
          .summary = "Turns numbers in [-1,1] into bytes, rounded and clipped.",
          .role = Role::map,
          .inputs = {{"x", "[N,...] f32", "images in [-1,1]"}},
          .outputs = {{"y", "[N,...] u8", "bytes 0 … 255"}},
          .create = make_node<ToBytes>};
}

}  // namespace dagfusion
