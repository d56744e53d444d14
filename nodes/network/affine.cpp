// affine: every element times one number, plus another.
//
//   y = factor * x + offset ;  dx = factor * dy
//
// x, y: any shape. With factor 2 and offset -1 images in [0,1] become images in [-1,1].

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class Affine final : public DifferentiableMap {
 public:
  explicit Affine(Setup& setup)
      : factor_(static_cast<float>(setup.real("factor"))),
        offset_(static_cast<float>(setup.real("offset"))),
        x_(setup.input("x")),
        y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    for (std::size_t i = 0; i < y_.spec.stored_elements(); ++i) y[i] = factor_ * x[i] + offset_;
  }

  void backward(Call& call) const override {
    if (float* dx = call.d<float>(x_))
      kernels::scale(factor_, call.d<float>(y_), dx, y_.spec.stored_elements());
  }

 private:
  float factor_, offset_;
  Input x_;
  Output y_;
};

}  // namespace

NodeType affine() {
  return {.name = "affine",
          .summary = "Every element times one number, plus another.",
          .example = "{type: affine, in: x, factor: 2, offset: -1}",
          .role = Role::map,
          .inputs = {{"x", "[...] f32", "anything"}},
          .outputs = {{"y", "[...] f32", "factor * x + offset"}},
          .parameters = {{.name = "factor",
                          .kind = Kind::real,
                          .doc = "what x is multiplied by",
                          .standard = 1.0,
                          .minimum = -1e6,
                          .maximum = 1e6},
                         {.name = "offset",
                          .kind = Kind::real,
                          .doc = "what is added then",
                          .standard = 0.0,
                          .minimum = -1e6,
                          .maximum = 1e6}},
          .create = make_node<Affine>};
}

}  // namespace dagfusion
