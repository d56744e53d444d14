// heun_step: corrects a step of Euler's method by the slope at its end.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, algorithm 1.
//
//   y = x / c, s the time of the ODE: c = alpha, s = sigma / alpha; on a flow c = 1, s = t
//   slope = dy/ds at x, slope' at `guess`:  prev = c' * (y + (s' - s) * (slope + slope') / 2)
//
// `guess` is euler_step's result for t_prev, `again` the model's prediction for it. In the step to the clean image, and
// where noise is more than 164 times the image in x, as at the end of cosine schedules, prev = guess: of so long a step in
// s the mean of two slopes is no use. A loop of it calls the model twice:
//   out:   {type: model, in: {x: carry.x, t: each.t}}
//   guess: {type: euler_step, in: {x: carry.x, prediction: out, each: each}}
//   again: {type: model, in: {x: guess, t: each.t_prev}, when: each.more, otherwise: out}
//   prev:  {type: heun_step, in: {x: carry.x, prediction: out, guess: guess, again: again, each: each}}
// x, prediction, guess, again, prev, x0: [N,...]; t, t_prev: [N].
#include "graph/types/catalog.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class HeunStep final : public Map {
 public:
  explicit HeunStep(Setup& setup)
      : step_(setup), guess_(setup.input("guess")), again_(setup.input("again")) {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const std::size_t start = static_cast<std::size_t>(n) * step_.each();
      const float *guess = call.in<float>(guess_) + start, *again = call.in<float>(again_) + start;
      if (image.last || only_noise(image.from))
        std::copy_n(guess, step_.each(), image.prev);
      else
        correct(image, guess, again);
    }
  }

 private:
  bool only_noise(NoiseLevel at) const {
    return at.alpha < 1 && at.sigma > kMostUsefulNoise * at.alpha && !step_.process().straight();
  }

  // slope = of_noise * e + of_x0 * x0: e where y = x / alpha, e - x0 on a flow.
  void correct(const DenoisingStep::Image& image, const float* guess, const float* again) const {
    const bool straight = step_.process().straight();
    const NoiseLevel from = image.from, to = image.to;
    const double before = straight ? 1 : from.alpha, after = straight ? 1 : to.alpha;
    const double half = (to.sigma / after - from.sigma / before) / 2, of_x0 = straight ? -1 : 0;
    const DenoisingStep::CleanImage clean = step_.clean_image(guess, again, to);
    for (std::size_t i = 0; i < step_.each(); ++i) {
      const double x0 = image.clean(image.x[i], image.prediction[i]), x0_again = clean(guess[i], again[i]);
      const double slope = image.noise(i, x0) + of_x0 * x0;
      const double slope_again = (guess[i] - to.alpha * x0_again) / to.sigma + of_x0 * x0_again;
      image.prev[i] = static_cast<float>(after * (image.x[i] / before + half * (slope + slope_again)));
    }
  }

  DenoisingStep step_;
  Input guess_, again_;
};

}  // namespace

NodeType heun_step() {
  return {
      .name = "heun_step",
      .summary = "Corrects a step of Euler's method by the slope at its end; calls the model twice a step.",
      .paper = "Karras et al. 2022, arXiv:2206.00364, algorithm 1",
      .example =
          "{type: heun_step, in: {x: carry.x, prediction: out, guess: guess, again: again, each: each}}",
      .inputs =
          DenoisingStep::inputs({{"guess", "[N,...] f32", "images with the noise of t_prev, by euler_step"},
                                 {"again", "[N,...] f32", "what the model gave for them at t_prev"}}),
      .outputs = DenoisingStep::outputs(),
      .parameters = DenoisingStep::parameters(),
      .create = make_node<HeunStep>};
}

}  // namespace dagfusion
