// scale: every element times one number.
//
//   y = factor * x ;  dx = factor * dy
//
// x, y: any shape, in the layout of x.

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Scale final : public DifferentiableMap {
 public:
  explicit Scale(Setup& setup)
      : factor_(static_cast<float>(setup.real("factor"))), x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override { scaled(call.in<void>(x_), call.out<void>(y_)); }

  void backward(Call& call) const override {
    if (void* dx = call.d<void>(x_)) scaled(call.d<void>(y_), dx);
  }

 private:
  void scaled(const void* from, void* to) const {
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [this](const float* x, float* y, std::size_t n) { kernels::scale(factor_, x, y, n); }, to, from);
  }

  float factor_;
  Input x_;
  Output y_;
};

}  // namespace

NodeType scale() {
  return {.name = "scale",
          .summary = "Every element times one number.",
          .example = "{type: scale, in: x, factor: 0.5}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "anything"}},
          .outputs = {{"y", "[...] float free", "factor * x"}},
          .parameters = {{.name = "factor",
                          .kind = Kind::real,
                          .doc = "what x is multiplied by",
                          .required = true,
                          .minimum = -1e6,
                          .maximum = 1e6}},
          .create = make_node<Scale>};
}

}  // namespace dagfusion
