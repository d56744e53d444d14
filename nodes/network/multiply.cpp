// multiply: the product of two values of one shape, element by element.
//
//   out = a * b ;  da = b * dout ;  db = a * dout
//
// a, b, out: any one shape, in the layout of a.

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Multiply final : public DifferentiableMap {
 public:
  explicit Multiply(Setup& setup) : a_(setup.input("a")), b_(setup.input("b")), out_(setup.output("out")) {
    setup.backward_reads(a_);
    setup.backward_reads(b_);
  }

  void forward(Call& call) const override {
    product(call.in<void>(a_), call.in<void>(b_), call.out<void>(out_));
  }

  void backward(Call& call) const override {
    if (void* da = call.d<void>(a_)) product(call.in<void>(b_), call.d<void>(out_), da);
    if (void* db = call.d<void>(b_)) product(call.in<void>(a_), call.d<void>(out_), db);
  }

 private:
  void product(const void* x, const void* y, void* to) const {
    for_pieces(
        is_half(out_.spec), out_.spec.stored_elements(),
        [](const float* u, const float* v, float* w, std::size_t n) { kernels::multiply(u, v, w, n); }, to, x,
        y);
  }

  Input a_, b_;
  Output out_;
};

}  // namespace

NodeType multiply() {
  return {.name = "multiply",
          .summary = "The product of two values of one shape, element by element.",
          .stands_for = {"merging"},
          .example = "{type: multiply, in: {a: x, b: gate}}",
          .role = Role::map,
          .inputs = {{"a", "[...] float free", "first factor"}, {"b", "[...] float free", "second factor"}},
          .outputs = {{"out", "[...] float free", "a * b"}},
          .create = make_node<Multiply>};
}

}  // namespace dagfusion
