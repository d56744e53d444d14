// ddim_inversion_step: one step of DDIM backwards: from time t to the noisier t_next, towards the noise that DDIM would
// make this image of.
// Song et al. 2021, "Denoising Diffusion Implicit Models", arXiv:2010.02502, eq. 14; Dhariwal, Nichol 2021,
// arXiv:2105.05233, appendix F.
//
//   x0 = the clean image that the prediction stands for;  e = (x - alpha * x0) / sigma
//   next = alpha' * x0 + sigma' * e,  alpha', sigma' at t_next
//
// Stands in a loop over rising times: {type: sampling_timesteps, reverse: true}. Nothing is clipped: it could not be undone.
// x, prediction, next, x0: [N,...]; t, t_next: [N].
#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class DdimInversionStep final : public Map {
 public:
  explicit DdimInversionStep(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        prediction_(setup.input("prediction")),
        t_(setup.input("t")),
        t_next_(setup.input("t_next")),
        next_(setup.output("next")),
        x0_(setup.output("x0")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {}

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      const double t = process_.time(call.in<float>(t_)[n]),
                   t_next = process_.time(call.in<float>(t_next_)[n]);
      if (t_next <= t)
        throw std::runtime_error(
            fmt::format("t_next is {}, which is not above t = {}; an inversion adds noise", t_next, t));
      const NoiseLevel from = process_.level(t), to = process_.level(t_next);
      const auto [from_x, from_prediction] = process_.prediction().clean_image(from);
      const float *x = call.in<float>(x_) + n * each_, *prediction = call.in<float>(prediction_) + n * each_;
      float *next = call.out<float>(next_) + n * each_, *x0 = call.out<float>(x0_) + n * each_;
      const double kept = to.sigma / from.sigma, of_x0 = to.alpha - kept * from.alpha;
      for (std::int64_t i = 0; i < each_; ++i) {
        const double clean = from_x * x[i] + from_prediction * prediction[i];
        x0[i] = static_cast<float>(clean);
        next[i] = static_cast<float>(kept * x[i] + of_x0 * clean);
      }
    }
  }

 private:
  const NoiseProcess& process_;
  Input x_, prediction_, t_, t_next_;
  Output next_, x0_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType ddim_inversion_step() {
  return {.name = "ddim_inversion_step",
          .summary = "One step of DDIM backwards: towards the noise that DDIM would make this image of.",
          .paper = "Song et al. 2021, arXiv:2010.02502, eq. 14",
          .example = "{type: ddim_inversion_step, in: {x: carry.x, prediction: out, each: each}}",
          .inputs = {{"x", "[N,...] f32", "images with the noise of t"},
                     {"prediction", "[N,...] f32", "what the model gave for them"},
                     {"t", "[N] f32", "time of each image before the step"},
                     {"t_next", "[N] f32", "time of each image after the step, noisier"}},
          .outputs = {{"next", "[N,...] f32", "images with the noise of t_next"},
                      {"x0", "[N,...] f32", "the clean images that the prediction stands for"}},
          .create = make_node<DdimInversionStep>};
}

}  // namespace dagfusion
