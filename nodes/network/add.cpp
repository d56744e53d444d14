// add: the sum of two values of one shape.
//
//   out = a + b ;  da = db = dout
//
// a, b, out: any one shape, in the layout of a.

#include "graph/values/add.h"

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Add final : public DifferentiableMap {
 public:
  explicit Add(Setup& setup) : a_(setup.input("a")), b_(setup.input("b")), out_(setup.output("out")) {
    setup.passes_gradient(out_, a_);
    setup.passes_gradient(out_, b_);
  }

  void forward(Call& call) const override {
    add(out_.spec, call.in<std::byte>(a_), call.in<std::byte>(b_), call.out<std::byte>(out_));
  }

  void backward(Call&) const override {}  // the gradient passes as it is

 private:
  Input a_, b_;
  Output out_;
};

}  // namespace

NodeType add() {
  return {.name = "add",
          .summary = "The sum of two values of one shape.",
          .stands_for = {"merging"},
          .example = "{type: add, in: {a: a, b: b}}",
          .role = Role::map,
          .inputs = {{"a", "[...] float free", "first summand"}, {"b", "[...] float free", "second summand"}},
          .outputs = {{"out", "[...] float free", "a + b"}},
          .create = make_node<Add>};
}

}  // namespace dagfusion
