// lms_step: one step of a linear multistep method (Adams-Bashforth) along the probability flow ODE, for steps of any length.
// Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", arXiv:2202.09778, section 3 (PLMS, whose
// weights for even steps these are); Zhang, Chen 2023, "Fast Sampling of Diffusion Models with Exponential Integrator",
// arXiv:2204.13902 (rho-AB-DEIS); k-diffusion's LMS.
//
//   y = x / c, s the time of the ODE: c = alpha, s = sigma / alpha; on a flow c = 1, s = t
//   slope = dy/ds = e = (x - alpha * x0) / sigma; on a flow e - x0
//   prev = c' * (y + integral from s to s' of the polynomial through slope, slope_before and slope_before2)
//   even steps h: order 2  h * (3 slope - slope_before) / 2,  order 3  h * (23 slope - 16 slope_before + 5 slope_before2) / 12
//
// With too short a history, and in steps from more than 164 times as much noise as image, the order is lower; the step to
// the clean image gives x0. The loop carries the slopes:
//   carry: {x: xT, slope: zeros, slope2: zeros}
//   prev:  {type: lms_step, in: {x: carry.x, prediction: out, slope_before: carry.slope, slope_before2: carry.slope2,
//           each: each}}
//   next:  {x: prev, slope: prev.slope, slope2: carry.slope}
// x, prediction, slope_before, slope_before2, prev, x0, slope: [N,...]; t, t_prev, t_before, t_before2: [N].
#include "graph/types/catalog.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class LmsStep final : public Map {
 public:
  explicit LmsStep(Setup& setup)
      : step_(setup),
        order_(setup.integer("order")),
        slope_before_(setup.input("slope_before")),
        slope_before2_(setup.input("slope_before2")),
        t_before_(setup.input("t_before")),
        t_before2_(setup.input("t_before2")),
        slope_(setup.output("slope")) {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const std::size_t start = static_cast<std::size_t>(n) * step_.each();
      float* slope = call.out<float>(slope_) + start;
      const double of_x0 = straight() ? -1 : 0;
      for (std::size_t i = 0; i < step_.each(); ++i)
        slope[i] = static_cast<float>(image.noise(i, image.x0[i]) + of_x0 * image.x0[i]);
      if (image.last)
        std::copy_n(image.x0, step_.each(), image.prev);
      else if (!usable(image.from))
        euler(call, n, image);
      else
        multistep(image, weights(call, n, image), slope, call.in<float>(slope_before_) + start,
                  call.in<float>(slope_before2_) + start);
    }
  }

 private:
  bool straight() const { return step_.process().straight(); }
  bool usable(NoiseLevel at) const {
    return straight() || at.alpha == 1 || at.sigma <= kMostUsefulNoise * at.alpha;
  }
  double scale(NoiseLevel at) const { return straight() ? 1 : at.alpha; }
  double s(NoiseLevel at) const { return at.sigma / scale(at); }

  void euler(const Call& call, int n, const DenoisingStep::Image& image) const {
    const double kept = image.to.sigma / image.from.sigma;
    step_.mix(call, n, image, kept, image.to.alpha - kept * image.from.alpha, 0);
  }

  struct Weights {
    double now, before = 0, before2 = 0;
  };
  Weights weights(const Call& call, int n, const DenoisingStep::Image& image) const {
    const double now = s(image.from), h = s(image.to) - now;
    Weights found{.now = h};
    const double t_before = step_.process().time(call.in<float>(t_before_)[n]);
    if (order_ < 2 || t_before <= image.t || !usable(step_.process().level(t_before))) return found;
    const double p = now - s(step_.process().level(t_before));
    const double first = h * h / 2 / p;  // of the first divided difference, by p
    found = {.now = h + first, .before = -first};
    const double t_before2 = step_.process().time(call.in<float>(t_before2_)[n]);
    if (order_ < 3 || t_before2 <= t_before || !usable(step_.process().level(t_before2))) return found;
    const double q = now - s(step_.process().level(t_before2));
    const double second = h * h * (h / 3 + p / 2) / q;  // of the second, by q
    return {.now = found.now + second / p,
            .before = found.before - second / p - second / (q - p),
            .before2 = second / (q - p)};
  }

  void multistep(const DenoisingStep::Image& image, const Weights& of, const float* slope,
                 const float* before, const float* before2) const {
    const double from = scale(image.from), to = scale(image.to);
    for (std::size_t i = 0; i < step_.each(); ++i)
      image.prev[i] = static_cast<float>(
          to * (image.x[i] / from + of.now * slope[i] + of.before * before[i] + of.before2 * before2[i]));
  }

  DenoisingStep step_;
  std::int64_t order_;
  Input slope_before_, slope_before2_, t_before_, t_before2_;
  Output slope_;
};

}  // namespace

NodeType lms_step() {
  std::vector<Port> outputs = DenoisingStep::outputs();
  outputs.push_back({"slope", "[N,...] f32", "slope of the ODE at x: the noise, or velocity on a flow"});
  return {.name = "lms_step",
          .summary = "One step of a linear multistep method, which looks back at the slopes of two steps.",
          .paper = "Liu et al. 2022, arXiv:2202.09778, section 3; Zhang, Chen 2023, arXiv:2204.13902",
          .example =
              "{type: lms_step, in: {x: carry.x, prediction: out, slope_before: carry.slope, slope_before2: "
              "carry.slope2, each: each}}",
          .inputs = DenoisingStep::inputs(
              {{"slope_before", "[N,...] f32", "slope of the iteration before; zeros at first"},
               {"t_before", "[N] f32", "t of the iteration before; t in the first"},
               {"slope_before2", "[N,...] f32", "slope_before of the iteration before"},
               {"t_before2", "[N] f32", "t_before of the iteration before"}}),
          .outputs = outputs,
          .parameters = DenoisingStep::parameters({{.name = "order",
                                                    .doc = "how many slopes are used: 1 = Euler's method",
                                                    .standard = std::int64_t{3},
                                                    .minimum = 1,
                                                    .maximum = 3}}),
          .create = make_node<LmsStep>};
}

}  // namespace dagfusion
