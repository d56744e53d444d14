// fixed_linear: a fully connected layer with weights from a file: the last one of a classifier. Nothing in it is trained.
//
//   y[n,o] = bias[o] + sum over i of weight[o,i] * x[n,i]
//
// x: [N,I]; y: [N,O]. In the file: <layer>.weight [O,I], and <layer>.bias [O], which is left out with bias: false, as the
// Inception score has it. Sums are taken in float64.

#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "nodes/kernels/pairs.h"
#include "nodes/measures/fixed_weights.h"

namespace dagfusion {
namespace {

class FixedLinear final : public Map {
 public:
  explicit FixedLinear(Setup& setup)
      : x_(setup.input("x")), file_(setup), layer_(setup.text("layer")), with_bias_(setup.flag("bias")) {
    const Shape weight = file_.shape_of(setup, layer_ + ".weight"), &x = x_.spec.shape;
    if (weight.size() != 2 || weight[1] != x[1])
      setup.fail_at("layer", fmt::format("'{}.weight' is {}, which does not take input 'x', {}", layer_,
                                         to_string(weight), to_string(x)));
    if (with_bias_) file_.shape_of(setup, layer_ + ".bias", {weight[0]});
    y_ = setup.output("y", {x[0], weight[0]});
    setup.multiply_adds(x[0] * weight[0] * weight[1]);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(static_cast<std::size_t>(y_.spec.shape[1]) * sizeof(double));
    weight_ = file_.read(layer_ + ".weight");
    if (with_bias_) bias_ = file_.read(layer_ + ".bias");
    sums_ = static_cast<std::size_t>(y_.spec.shape[1]);
  }

  void forward(Call& call) const override {
    const auto in = static_cast<std::size_t>(x_.spec.shape[1]);
    auto* sums = reinterpret_cast<double*>(call.scratch());
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      kernels::dot_products(call.in<float>(x_) + static_cast<std::size_t>(n) * in, weight_.data(), sums_, in,
                            sums);
      float* y = call.out<float>(y_) + static_cast<std::size_t>(n) * sums_;
      for (std::size_t o = 0; o < sums_; ++o)
        y[o] = static_cast<float>(sums[o] + (with_bias_ ? bias_[o] : 0.0f));
    }
  }

 private:
  Input x_;
  Output y_;
  FixedWeights file_;
  std::string layer_;
  bool with_bias_;
  std::vector<float> weight_, bias_;
  std::size_t sums_ = 0;
};

}  // namespace

NodeType fixed_linear() {
  return {
      .name = "fixed_linear",
      .summary = "A fully connected layer with weights from a file.",
      .stands_for = {"fixed_layer"},
      .example = "{type: fixed_linear, in: pooled, weights: classifier.npz, layer: fc}",
      .role = Role::map,
      .inputs = {{"x", "[N,I] f32", "features"}},
      .outputs = {{"y", "[N,O] f32", "weighted sums of them"}},
      .parameters = {fixed_weights_parameter(),
                     {.name = "layer",
                      .kind = Kind::text,
                      .doc = "its name in the file, in front of .weight",
                      .required = true},
                     {.name = "bias", .kind = Kind::boolean, .doc = "add the file's bias", .standard = true}},
      .create = make_node<FixedLinear>};
}

}  // namespace dagfusion
