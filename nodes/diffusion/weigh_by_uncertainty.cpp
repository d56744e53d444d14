// weigh_by_uncertainty: a loss whose weight at each noise level is learned along with the model.
// Kendall et al. 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses", arXiv:1705.07115; Karras et al. 2024,
// "Analyzing and Improving the Training Dynamics of Diffusion Models" (EDM2), arXiv:2312.02696.
//
//   per_image'[n] = per_image[n] / e^u[n] + u[n] ;  loss = mean of per_image' over the frame's images
//   d(per_image) = d / e^u, d(u) = d * (1 - per_image / e^u)        d: what arrives at per_image'
//
// Least where e^u is the mean loss at that noise level, so that all levels weigh the same. per_image: [N]; u: [N,1].
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class WeighByUncertainty final : public DifferentiableMap {
 public:
  explicit WeighByUncertainty(Setup& setup)
      : given_(setup.input("per_image")),
        u_(setup.input("u")),
        loss_(setup.output("loss")),
        per_image_(setup.output("per_image")),
        images_(static_cast<int>(given_.spec.shape[0])) {
    setup.backward_reads(given_);
    setup.backward_reads(u_);
  }

  void forward(Call& call) const override {
    const float *given = call.in<float>(given_), *u = call.in<float>(u_);
    float* per_image = call.out<float>(per_image_);
    double all = 0;
    for (int n = 0; n < images_; ++n) {
      per_image[n] = n < call.valid() ? static_cast<float>(given[n] * std::exp(-double(u[n])) + u[n]) : 0;
      all += per_image[n];
    }
    const double loss = all / call.valid();
    if (!std::isfinite(loss)) throw std::runtime_error(fmt::format("loss is {}", loss));
    *call.out<float>(loss_) = static_cast<float>(loss);
  }

  void backward(Call& call) const override {
    const float *given = call.in<float>(given_), *u = call.in<float>(u_);
    const float *dloss = call.d<float>(loss_), *dper_image = call.d<float>(per_image_);
    float *dgiven = call.d<float>(given_), *du = call.d<float>(u_);
    for (int n = 0; n < images_; ++n) {
      double d = 0;
      if (dloss && n < call.valid()) d += *dloss / double(call.valid());
      if (dper_image && n < call.valid()) d += dper_image[n];
      const double certainty = std::exp(-double(u[n]));
      if (dgiven) dgiven[n] = static_cast<float>(d * certainty);
      if (du) du[n] = static_cast<float>(d * (1 - given[n] * certainty));
    }
  }

 private:
  Input given_, u_;
  Output loss_, per_image_;
  int images_;
};

}  // namespace

NodeType weigh_by_uncertainty() {
  return {.name = "weigh_by_uncertainty",
          .summary = "Divides the loss of each image by a variance that is given, and adds its logarithm.",
          .paper = "Karras et al. 2024, arXiv:2312.02696; Kendall et al. 2018, arXiv:1705.07115",
          .example = "{type: weigh_by_uncertainty, in: {per_image: loss.per_image, u: u}}",
          .inputs = {{"per_image", "[N] f32", "loss of each image"},
                     {"u", "[N,1] f32", "logarithm of the variance, from a linear layer"}},
          .outputs = {{"loss", "[] f32", "mean over the images of the frame"},
                      {"per_image", "[N] f32", "loss of each image, weighed"}},
          .create = make_node<WeighByUncertainty>};
}

}  // namespace dagfusion
