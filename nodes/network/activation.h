// Nodes that take every element by itself through one function, which has a gradient.
#pragma once

#include "graph/types/cheap_to_repeat.h"
#include "graph/types/node.h"
#include "graph/types/setup.h"
#include "nodes/network/act.h"

namespace dagfusion {

// Function: made of the node's Setup; value(x), and gradient(x, dy) of what x gave. Any shape and layout; channels that only
// fill a block up stay zero where value(0) is 0.
template <class Function>
class Activation final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit Activation(Setup& setup) : function_(setup), x_(setup.input("x")), y_(setup.output("y")) {
    setup.backward_reads(x_);
  }

  void forward(Call& call) const override {
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [function = function_](const float* x, float* y, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) y[i] = function.value(x[i]);
        },
        call.out<void>(y_), call.in<void>(x_));
  }

  void backward(Call& call) const override {
    void* dx = call.d<void>(x_);
    if (!dx) return;
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [function = function_](const float* x, const float* dy, float* to, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) to[i] = function.gradient(x[i], dy[i]);
        },
        dx, call.in<void>(x_), call.d<void>(y_));
  }

 private:
  Function function_;
  Input x_;
  Output y_;
};

}  // namespace dagfusion
