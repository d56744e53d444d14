// stop_gradient: hands its input on; nothing flows back through it.
//
//   out = x, d(x) = 0
//
// x, out: any shape, dtype and layout.
#include <cstring>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class StopGradient final : public Map {
 public:
  explicit StopGradient(Setup& setup)
      : x_(setup.input("x")), out_(setup.output("out", x_.spec.shape, x_.spec.dtype)) {}

  void forward(Call& call) const override {
    std::memcpy(call.out<std::byte>(out_), call.in<std::byte>(x_), x_.spec.bytes());
  }

 private:
  Input x_;
  Output out_;
};

}  // namespace

NodeType stop_gradient() {
  return {.name = "stop_gradient",
          .summary = "Hands its input on; nothing flows back through it.",
          .example = "{type: stop_gradient, in: noise}",
          .inputs = {{"x", "[...] any free", "any value"}},
          .outputs = {{"out", "[...] any free", "the same value"}},
          .stops_gradient = true,
          .create = make_node<StopGradient>};
}

}  // namespace dagfusion
