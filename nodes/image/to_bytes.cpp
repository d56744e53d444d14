// to_bytes: turns what a model made, in [-1,1], into bytes.
//
//   y = round(min(max((x + 1) * 127.5, 0), 255)), halves to the even neighbour
//
// That is what Hugging Face's pipelines do; the code of Nichol and Dhariwal 2021 (arXiv:2102.09672) cuts the
// fraction off instead, which is half a grey level darker. What is not a number becomes 0. x: [N,...], values
// outside [-1,1] are clipped; y: [N,...] in 0 … 255.

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/kernels/bytes.h"

namespace dagfusion {
namespace {

class ToBytes final : public Map {
 public:
  explicit ToBytes(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    kernels::signed_to_bytes(call.in<float>(x_), call.out<std::uint8_t>(y_), x_.spec.stored_elements());
  }

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType to_bytes() {
  return {.name = "to_bytes",
          .summary = "Turns numbers in [-1,1] into bytes, rounded and clipped.",
          .example = "{type: to_bytes, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,...] f32", "images in [-1,1]"}},
          .outputs = {{"y", "[N,...] u8", "bytes 0 … 255"}},
          .create = make_node<ToBytes>};
}

}  // namespace dagfusion
