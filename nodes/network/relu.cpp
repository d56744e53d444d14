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
#include "nodes/network/activation.h"

namespace dagfusion {
namespace {

struct Relu {
  explicit Relu(Setup& setup) {
    if (setup.has("maximum")) most = static_cast<float>(setup.real("maximum"));
  }

  float value(float x) const { return std::min(x > 0 ? x : 0.0f, most); }
  float gradient(float x, float dy) const { return x > 0 && x < most ? dy : 0.0f; }

  float most = std::numeric_limits<float>::infinity();
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
          .create = make_node<Activation<Relu>>};
}

}  // namespace dagfusion
