// to_signed: turns bytes into the signed range that diffusion models work in.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, section 3.3.
//
//   y = x / 127.5 - 1
//
// x: [N,...] in 0 … 255; y: [N,...] in [-1,1].

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/kernels/bytes.h"

namespace dagfusion {
namespace {

class ToSigned final : public Map {
 public:
  explicit ToSigned(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    kernels::bytes_to_signed(call.in<std::uint8_t>(x_), call.out<float>(y_), x_.spec.stored_elements());
  }

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType to_signed() {
  return {.name = "to_signed",
          .summary = "Turns bytes 0 … 255 into numbers in [-1,1].",
          .paper = "Ho et al. 2020, arXiv:2006.11239, section 3.3",
          .example = "{type: to_signed, in: images}",
          .role = Role::map,
          .inputs = {{"x", "[N,...] u8", "bytes"}},
          .outputs = {{"y", "[N,...] f32", "the same in [-1,1]"}},
          .create = make_node<ToSigned>};
}

}  // namespace dagfusion
