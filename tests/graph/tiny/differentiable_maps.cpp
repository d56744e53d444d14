#include "graph/types/cheap_to_repeat.h"
#include "tests/graph/tiny/trouble.h"

namespace dagfusion::tiny {
namespace {

// add_one: y = x + 1; the gradient passes as it is.
class AddOne final : public DifferentiableMap {
 public:
  explicit AddOne(Setup& setup) : trouble_(setup), x_(setup.input("x")), y_(setup.output("y")) {
    setup.passes_gradient(y_, x_);
  }
  void forward(Call& call) const override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<float>(x_)[i] + 1;
  }
  void backward(Call&) const override {}

 private:
  Trouble trouble_;
  Input x_;
  Output y_;
};

// scale: y = w * x, one weight for each of the W places; dx = w * dy, dw = sum over images of x * dy.
class Scale final : public DifferentiableMap {
 public:
  explicit Scale(Setup& setup)
      : trouble_(setup),
        x_(setup.input("x")),
        y_(setup.output("y")),
        weight_(setup.weight("weight", {x_.spec.shape[1]}, {Init::Kind::constant, 1.0})) {
    setup.accumulate_reads(x_);
  }
  void forward(Call& call) const override {
    trouble_.meet(call);
    each([&](std::int64_t i, std::int64_t w) {
      call.out<float>(y_)[i] = call.weight(weight_)[w] * call.in<float>(x_)[i];
    });
  }
  void backward(Call& call) const override {
    trouble_.meet(call, "backward");
    const auto* dy = call.d<float>(y_);
    auto* dx = call.d<float>(x_);
    each([&](std::int64_t i, std::int64_t w) { dx[i] = call.weight(weight_)[w] * dy[i]; });
  }
  void accumulate(Call& call) const override {
    trouble_.meet(call, "accumulate");
    const auto* dy = call.d<float>(y_);
    float* dw = call.d(weight_);
    if (call.first_of_step()) std::fill_n(dw, x_.spec.shape[1], 0.0f);
    each([&](std::int64_t i, std::int64_t w) { dw[w] += call.in<float>(x_)[i] * dy[i]; });
  }

 private:
  template <class Body>
  void each(Body body) const {
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i) body(i, i % x_.spec.shape[1]);
  }
  Trouble trouble_;
  Input x_;
  Output y_;
  Weight weight_;
};

// square: y = x^2; dx = 2 x dy.
class Square final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit Square(Setup& setup) : trouble_(setup), x_(setup.input("x")), y_(setup.output("y")) {
    setup.backward_reads(x_);
  }
  void forward(Call& call) const override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<float>(x_)[i] * call.in<float>(x_)[i];
  }
  void backward(Call& call) const override {
    trouble_.meet(call, "backward");
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.d<float>(x_)[i] = 2 * call.in<float>(x_)[i] * call.d<float>(y_)[i];
  }

 private:
  Trouble trouble_;
  Input x_;
  Output y_;
};

// plus: y = a + b, da = dy, db = dy, each in a slot of its own.
class Plus final : public DifferentiableMap {
 public:
  explicit Plus(Setup& setup) : a_(setup.input("a")), b_(setup.input("b")), y_(setup.output("y")) {}
  void forward(Call& call) const override {
    for (std::int64_t i = 0; i < count_of(a_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<float>(a_)[i] + call.in<float>(b_)[i];
  }
  void backward(Call& call) const override {
    for (const Input& input : {a_, b_})
      if (float* d = call.d<float>(input)) std::copy_n(call.d<float>(y_), count_of(a_.spec.shape), d);
  }

 private:
  Input a_, b_;
  Output y_;
};

// mean: the mean of all that comes in; dx = dloss / count.
class Mean final : public DifferentiableMap {
 public:
  explicit Mean(Setup& setup) : trouble_(setup), x_(setup.input("x")), loss_(setup.output("loss")) {}
  void forward(Call& call) const override {
    trouble_.meet(call);
    double sum = 0;
    for (std::int64_t i = 0; i < count(); ++i) sum += call.in<float>(x_)[i];
    *call.out<float>(loss_) = static_cast<float>(sum / static_cast<double>(count()));
  }
  void backward(Call& call) const override {
    trouble_.meet(call, "backward");
    const float dloss = *call.d<float>(loss_);
    std::fill_n(call.d<float>(x_), count(), dloss / static_cast<float>(count()));
  }

 private:
  std::int64_t count() const { return count_of(x_.spec.shape); }
  Trouble trouble_;
  Input x_;
  Output loss_;
};

NodeType map_of(const char* name, std::vector<Port> inputs, Port output, Create create) {
  return {.name = name,
          .summary = "A map.",
          .inputs = std::move(inputs),
          .outputs = {std::move(output)},
          .parameters = with_trouble(),
          .create = std::move(create)};
}

}  // namespace

std::vector<NodeType> differentiable_maps() {
  const Port x{"x", "[N,W] f32", "values"}, y{"y", "[N,W] f32", "values"};
  return {map_of("add_one", {x}, y, make_node<AddOne>), map_of("scale", {x}, y, make_node<Scale>),
          map_of("square", {x}, y, make_node<Square>),
          map_of("mean", {x}, {"loss", "[] f32", "a number"}, make_node<Mean>),
          map_of("plus", {{"a", "[N,W] f32", "a term"}, {"b", "[N,W] f32", "a term"}}, y, make_node<Plus>)};
}

}  // namespace dagfusion::tiny
