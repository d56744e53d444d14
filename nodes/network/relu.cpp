// relu: cuts off what is below 0, and with `maximum: 6` what is above 6 (ReLU6).
// Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines"; ReLU6: Krizhevsky 2010,
// "Convolutional Deep Belief Networks on CIFAR-10".
//
//   y = min(max(x, 0), maximum) ;  dx = dy where 0 < x < maximum, else 0
//
// x, y: any one shape and layout.

#include <algorithm>
#include <limits>

#include "graph/types/catalog.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Relu final : public DifferentiableMap {
 public:
  explicit Relu(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {
    if (setup.has("maximum")) most_ = static_cast<float>(setup.real("maximum"));
    setup.backward_reads(x_);
  }

  void forward(Call& call) const override {
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [most = most_](const float* x, float* y, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) y[i] = std::min(x[i] > 0 ? x[i] : 0.0f, most);
        },
        call.out<void>(y_), call.in<void>(x_));
  }

  void backward(Call& call) const override {
    void* dx = call.d<void>(x_);
    if (!dx) return;
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [most = most_](const float* x, const float* dy, float* to, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) to[i] = x[i] > 0 && x[i] < most ? dy[i] : 0.0f;
        },
        dx, call.in<void>(x_), call.d<void>(y_));
  }

 private:
  Input x_;
  Output y_;
  float most_ = std::numeric_limits<float>::infinity();
};

}  // namespace

NodeType relu() {
  return {.name = "relu",
          .summary = "Cuts off what is below 0, and what is above a maximum (ReLU6).",
          .stands_for = {"activation"},
          .paper = "Nair and Hinton 2010, ICML",
          .example = "{type: relu, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "any value"}},
          .outputs = {{"y", "[...] float free", "x, or 0 where x is below 0"}},
          .parameters = {{.name = "maximum",
                          .kind = Kind::real,
                          .doc = "largest value that is let through, such as 6",
                          .minimum = 0,
                          .above_minimum = true}},
          .create = make_node<Relu>};
}

}  // namespace dagfusion
