// One weight per image that depends on its noise alone, for the port `weight` of any loss.
//
// Papers state weights for the error of one kind of prediction. Here a node states w(t), the weight of the error of the
// clean image, |x0 of the prediction - x0|^2, and that makes it right for every prediction of every process:
//
//   |x0 of the prediction - x0|^2 = c(t)^2 * |prediction - target|^2,   x0 = … + c(t) * prediction
//   weight = w(t) * c(t)^2                                          (1 where the SNR is 0, as min-SNR's authors do)
//
// t: [N]; weight: [N]. No gradient flows back.
#pragma once

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

// Of: made from a Setup;  double operator()(double snr, double sigma_data) const: w of the signal-to-noise ratio.
template <class Of>
class LossWeight final : public Map {
 public:
  explicit LossWeight(Setup& setup)
      : of_(setup),
        process_(setup.resource<NoiseProcess>("diffusion")),
        t_(setup.input("t")),
        weight_(setup.output("weight")) {}

  void forward(Call& call) const override {
    const float* t = call.in<float>(t_);
    float* weight = call.out<float>(weight_);
    for (int n = 0; n < t_.spec.shape[0]; ++n) weight[n] = static_cast<float>(at(process_.time(t[n])));
  }

 private:
  double at(double t) const {
    const double snr = process_.snr(t);
    if (snr == 0) return 1;
    const double c = process_.prediction().clean_image(process_.level(t)).from_prediction;
    return of_(snr, process_.sigma_data()) * c * c;
  }

  Of of_;
  const NoiseProcess& process_;
  Input t_;
  Output weight_;
};

template <class Of>
NodeType loss_weight(const std::string& name, std::string summary, std::string paper,
                     std::vector<Parameter> parameters = {}) {
  return {.name = name,
          .summary = std::move(summary),
          .stands_for = {"loss_weight"},
          .paper = std::move(paper),
          .example = "{type: " + name + ", in: t}",
          .inputs = {{"t", "[N] f32", "time of each image"}},
          .outputs = {{"weight", "[N] f32", "weight of each image's loss"}},
          .parameters = std::move(parameters),
          .create = make_node<LossWeight<Of>>};
}

}  // namespace dagfusion
