// augment_embedding: adds to each image's embedding what was done to the image, as a linear map of the label that says so.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, appendix F.2.
//
//   y[n,d] = x[n,d] + sum over a of weight[d,a] * label[n,a]        y = x where no label is wired: nothing was done
//
// x, y: [N,D]; label: [N,A]; weight: [D,A], without a bias.
// Backward:
//   dx = dy ;  dlabel[n,a] = sum over d of weight[d,a] * dy[n,d] ;  dweight[d,a] = sum over n of dy[n,d] * label[n,a]

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/network/weight_parameters.h"

namespace dagfusion {
namespace {

class AugmentEmbedding final : public DifferentiableMap {
 public:
  explicit AugmentEmbedding(Setup& setup)
      : length_(setup.integer("length")),
        x_(setup.input("x")),
        label_(setup.input("label")),
        y_(setup.output("y")),
        dim_(x_.spec.shape[1]) {
    if (label_.connected() && label_.spec.shape[1] != length_)
      setup.fail_at_input("label", fmt::format("input 'label' is {}, but 'length' is {}",
                                               to_string(label_.spec.shape), length_));
    weight_ = setup.weight("weight", {dim_, length_}, glorot(setup, dim_ + length_));
    setup.passes_gradient(y_, x_);
    setup.accumulate_reads(label_);
  }

  void forward(Call& call) const override {
    const float *x = call.in<float>(x_), *weight = call.weight(weight_);
    float* y = call.out<float>(y_);
    std::copy_n(x, y_.spec.stored_elements(), y);
    if (!label_.connected()) return;
    const float* label = call.in<float>(label_);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, label += length_)
      for (std::int64_t d = 0; d < dim_; ++d)
        for (std::int64_t a = 0; a < length_; ++a) y[n * dim_ + d] += weight[d * length_ + a] * label[a];
  }

  void backward(Call& call) const override {  // to x it passes as it is
    float* dlabel = label_.connected() ? call.d<float>(label_) : nullptr;
    if (!dlabel) return;
    const float *dy = call.d<float>(y_), *weight = call.weight(weight_);
    std::fill_n(dlabel, label_.spec.stored_elements(), 0.0f);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, dlabel += length_)
      for (std::int64_t d = 0; d < dim_; ++d)
        for (std::int64_t a = 0; a < length_; ++a) dlabel[a] += weight[d * length_ + a] * dy[n * dim_ + d];
  }

  void accumulate(Call& call) const override {
    float* dweight = call.d(weight_);
    if (call.first_of_step()) std::fill_n(dweight, dim_ * length_, 0.0f);
    if (!label_.connected()) return;
    const float *dy = call.d<float>(y_), *label = call.in<float>(label_);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, label += length_)
      for (std::int64_t d = 0; d < dim_; ++d)
        for (std::int64_t a = 0; a < length_; ++a) dweight[d * length_ + a] += dy[n * dim_ + d] * label[a];
  }

 private:
  std::int64_t length_;
  Input x_, label_;
  Output y_;
  std::int64_t dim_;
  Weight weight_;
};

}  // namespace

NodeType augment_embedding() {
  return {.name = "augment_embedding",
          .summary = "Adds to each image's embedding what was done to the image.",
          .paper = "Karras et al. 2022, arXiv:2206.00364, appendix F.2",
          .example = "{type: augment_embedding, in: {x: temb, label: changed.label}, length: 16}",
          .role = Role::map,
          .inputs = {{"x", "[N,D] f32", "the embedding of each image's timestep"},
                     {.name = "label",
                      .spec = "[N,A] f32",
                      .doc = "what was done to each image; nothing when not wired",
                      .optional = true}},
          .outputs = {{"y", "[N,D] f32", "the embedding of both"}},
          .parameters = {{.name = "length",
                          .kind = Kind::integer,
                          .doc = "numbers of a label",
                          .required = true,
                          .minimum = 1,
                          .maximum = 4096},
                         init_scale_parameter()},
          .create = make_node<AugmentEmbedding>};
}

}  // namespace dagfusion
