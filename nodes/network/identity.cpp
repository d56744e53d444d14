// identity: passes a value through unchanged; a place holder for ablations.
//
//   y = x ;  dx = dy
//
// x, y: any shape and layout.

#include <cstring>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Identity final : public DifferentiableMap {
 public:
  explicit Identity(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {
    setup.passes_gradient(y_, x_);
  }

  void forward(Call& call) const override {
    std::memcpy(call.out<std::byte>(y_), call.in<std::byte>(x_), y_.spec.bytes());
  }

  void backward(Call&) const override {}  // the gradient passes as it is

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType identity() {
  return {.name = "identity",
          .summary = "Passes a value through unchanged.",
          .stands_for = {"activation", "regularisation", "normalisation"},
          .example = "{type: identity, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "any value"}},
          .outputs = {{"y", "[...] float free", "the same value"}},
          .create = make_node<Identity>};
}

}  // namespace dagfusion
