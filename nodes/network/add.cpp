// add: the sum of two values of one shape.
//
//   out = a + b ;  da = db = dout
//
// a, b, out: any one shape, in the layout of a.

#include "nodes/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class Add final : public Map {
 public:
  explicit Add(Setup& setup) : a_(setup.input("a")), b_(setup.input("b")), out_(setup.output("out")) {
    setup.passes_gradient(out_, a_);
    setup.passes_gradient(out_, b_);
  }

  void forward(Call& call) const override {
    kernels::add(call.in<float>(a_), call.in<float>(b_), call.out<float>(out_), out_.spec.stored_elements());
  }

 private:
  Input a_, b_;
  Output out_;
};

}  // namespace

NodeType add() {
  return {.name = "add",
          .summary = "The sum of two values of one shape.",
          .role = Role::map,
          .inputs = {{"a", "[...] act free", "first summand"}, {"b", "[...] act free", "second summand"}},
          .outputs = {{"out", "[...] act free", "a + b"}},
          .differentiable = true,
          .create = make_node<Add>};
}

}  // namespace dagfusion
