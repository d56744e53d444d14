// silu: the smooth gate x * sigmoid(x), also called swish.
// Elfwing et al. 2017, "Sigmoid-Weighted Linear Units", arXiv:1702.03118.
//
//   y = x * s,  s = 1 / (1 + exp(-x)) ;  dx = dy * s * (1 + x * (1 - s))
//
// x, y: any one shape and layout; channels that only fill a block up stay zero, since silu(0) = 0.

#include "nodes/kernels/silu.h"

#include "graph/types/catalog.h"
#include "graph/types/cheap_to_repeat.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Silu final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit Silu(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) { setup.backward_reads(x_); }

  void forward(Call& call) const override {
    for_pieces(is_half(y_.spec), y_.spec.stored_elements(), kernels::silu, call.out<void>(y_),
               call.in<void>(x_));
  }

  void backward(Call& call) const override {
    if (void* dx = call.d<void>(x_)) {
      for_pieces(is_half(y_.spec), y_.spec.stored_elements(), kernels::silu_backward, dx, call.in<void>(x_),
                 call.d<void>(y_));
    }
  }

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType silu() {
  return {.name = "silu",
          .summary = "The smooth gate x * sigmoid(x), also called swish.",
          .stands_for = {"activation"},
          .paper = "Elfwing et al. 2017, arXiv:1702.03118",
          .example = "{type: silu, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "any value"}},
          .outputs = {{"y", "[...] float free", "x * sigmoid(x)"}},
          .create = make_node<Silu>};
}

}  // namespace dagfusion
