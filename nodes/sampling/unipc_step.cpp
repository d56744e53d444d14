// unipc_step: corrects the step before by what the model gave at its end, then predicts the next one; second order.
// Zhao et al. 2023, "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
// arXiv:2302.04867, algorithms 5 to 8 (UniPC-2, B(h) = exp(-h) - 1, prediction of the clean image).
//
//   l = ln(alpha / sigma), m0 = x0 at t, m1 = x0 at t_before, m2 = x0 at t_before2
//   corrected (from t_before to t, h = l(t) - l(t_before), E = exp(-h) - 1):
//     x = sigma / sigma_before * start - alpha * E * (m1 + c1 * (m2 - m1) / r + c2 * (m0 - m1)),  r = -(last h) / h
//     without m2: c1 = 0, c2 = 1/2;  with it: c1 + c2 = b1, r c1 + c2 = b2,
//     b1 = ((exp(-h) - 1) / (-h) - 1) / E, b2 = 2 ((((exp(-h) - 1) / (-h) - 1) / (-h)) - 1/2) / E
//   predicted (from t to t_prev, h and E of that step):
//     prev = sigma' / sigma * x - alpha' * E * (m0 + (m1 - m0) / (2 r))
//
// start: the corrected image at t_before. The step to the clean image gives m0; the first step is of first order.
// The loop carries it all:
//   carry: {x: xT, start: zeros, x0: zeros, x0_2: zeros}
//   prev:  {type: unipc_step, in: {x: carry.x, prediction: out, start: carry.start, x0_before: carry.x0,
//           x0_before2: carry.x0_2, each: each}}
//   next:  {x: prev, start: prev.corrected, x0: prev.x0, x0_2: carry.x0}
// x, prediction, start, x0_before, x0_before2, prev, x0, corrected: [N,...]; t, t_prev, t_before, t_before2: [N].
#include "nodes/sampling/history.h"

namespace dagfusion {
namespace {

class UnipcStep final : public Map {
 public:
  explicit UnipcStep(Setup& setup)
      : step_(setup),
        start_(setup.input("start")),
        x0_before_(setup.input("x0_before")),
        x0_before2_(setup.input("x0_before2")),
        t_before_(setup.input("t_before")),
        t_before2_(setup.input("t_before2")),
        corrected_(setup.output("corrected")) {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const std::size_t first = static_cast<std::size_t>(n) * step_.each();
      const float *m1 = call.in<float>(x0_before_) + first, *m2 = call.in<float>(x0_before2_) + first;
      float* x = call.out<float>(corrected_) + first;
      correct(call, n, image, call.in<float>(start_) + first, m1, m2, x);
      predict(call, n, image, x, m1);
    }
  }

 private:
  double l(double t) const { return half_log_snr(step_.process().level(t)); }

  void correct(const Call& call, int n, const DenoisingStep::Image& image, const float* start,
               const float* m1, const float* m2, float* x) const {
    const double t_before = step_.process().time(call.in<float>(t_before_)[n]);
    const double h = l(image.t) - l(t_before);
    if (t_before <= image.t ||
        std::isinf(h)) {  // the first iteration, or from pure noise: Euler's step was exact
      std::copy_n(image.x, step_.each(), x);
      return;
    }
    const double E = std::expm1(-h), p1 = E / -h - 1;
    double of_m0 = 0.5, of_m2 = 0;
    const double t_before2 = step_.process().time(call.in<float>(t_before2_)[n]);
    if (const double r = (l(t_before2) - l(t_before)) / h; t_before2 > t_before && !std::isinf(r)) {
      const double b1 = p1 / E, b2 = 2 * (p1 / -h - 0.5) / E;
      const double c1 = (b1 - b2) / (1 - r);
      of_m0 = b1 - c1;
      of_m2 = c1 / r;
    }
    const double of_start = image.from.sigma / step_.process().level(t_before).sigma;
    const double all = -image.from.alpha * E;
    for (std::size_t i = 0; i < step_.each(); ++i)
      x[i] = static_cast<float>(of_start * start[i] +
                                all * (m1[i] + of_m2 * (m2[i] - m1[i]) + of_m0 * (image.x0[i] - m1[i])));
  }

  void predict(const Call& call, int n, const DenoisingStep::Image& image, const float* x,
               const float* m1) const {
    if (image.last) {
      std::copy_n(image.x0, step_.each(), image.prev);
      return;
    }
    const double t_before = step_.process().time(call.in<float>(t_before_)[n]);
    const double h = half_log_snr(image.to) - half_log_snr(image.from);
    double of_m1 = 0;
    if (const double r = (l(t_before) - l(image.t)) / h; t_before > image.t && !std::isinf(r))
      of_m1 = 1 / (2 * r);
    const double of_x = image.to.sigma / image.from.sigma, all = -image.to.alpha * std::expm1(-h);
    for (std::size_t i = 0; i < step_.each(); ++i)
      image.prev[i] = static_cast<float>(of_x * x[i] + all * (image.x0[i] + of_m1 * (m1[i] - image.x0[i])));
  }

  DenoisingStep step_;
  Input start_, x0_before_, x0_before2_, t_before_, t_before2_;
  Output corrected_;
};

}  // namespace

NodeType unipc_step() {
  std::vector<Port> more = History::inputs(true);
  more.insert(more.begin(), {"start", "[N,...] f32", "`corrected` of the iteration before; zeros at first"});
  std::vector<Port> outputs = DenoisingStep::outputs();
  outputs.push_back({"corrected", "[N,...] f32", "images with the noise of t, after the correction"});
  return {
      .name = "unipc_step",
      .summary = "Corrects the step before by what the model gave at its end, then predicts the next one.",
      .paper = "Zhao et al. 2023, arXiv:2302.04867 (UniPC-2)",
      .example =
          "{type: unipc_step, in: {x: carry.x, prediction: out, start: carry.start, x0_before: "
          "carry.x0, x0_before2: carry.x0_2, each: each}}",
      .inputs = DenoisingStep::inputs(more),
      .outputs = outputs,
      .parameters = DenoisingStep::parameters(),
      .create = make_node<UnipcStep>};
}

}  // namespace dagfusion
