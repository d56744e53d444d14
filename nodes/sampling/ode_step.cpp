// ode_step: goes along the probability flow ODE from time t to t_next, noisier or cleaner, by the slope at any point.
// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456, eq. 13;
// variables: nodes/diffusion/ode.h.
//
//   y' = y + share * (k' - k) * slope,  next = alpha' * y' at the time whose k is k + share * (k' - k)
//   slope: at x, t, which is Euler's method; or at `at`, t_at, as the midpoint method has it
//
// Twice, with two calls of the model, it is of second order (reverse: true leads from clean to noisy):
//   out:   {type: model, in: {x: carry.x, t: each.t}}
//   half:  {type: ode_step, in: {x: carry.x, prediction: out, each: each}, share: 0.5}
//   there: {type: model, in: {x: half, t: half.t}}
//   next:  {type: ode_step, in: {x: carry.x, prediction: there, at: half, t_at: half.t, each: each}}
// x, prediction, at, next: [N,...]; t, t_at, t_next: [N]. Nothing is clipped.
#include "graph/types/catalog.h"
#include "nodes/diffusion/ode.h"

namespace dagfusion {
namespace {

class OdeStep final : public Map {
 public:
  explicit OdeStep(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        share_(setup.real("share")),
        x_(setup.input("x")),
        prediction_(setup.input("prediction")),
        t_(setup.input("t")),
        t_next_(setup.input("t_next")),
        at_(setup.input("at")),
        t_at_(setup.input("t_at")),
        next_(setup.output("next")),
        t_reached_(setup.output("t")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {
    if (at_.connected() != t_at_.connected())
      setup.fail(fmt::format("input '{}' is wired, but '{}' is not; the slope is taken at both",
                             at_.connected() ? "at" : "t_at", at_.connected() ? "t_at" : "at"));
  }

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      const double t = process_.time(call.in<float>(t_)[n]),
                   t_next = process_.time_or_clean(call.in<float>(t_next_)[n]);
      const double from = ode_time(process_, t), step = share_ * (ode_time(process_, t_next) - from);
      const double reached = share_ == 1 ? t_next : process_.time_of(from + step);
      call.out<float>(t_reached_)[n] = static_cast<float>(reached);
      const double alpha = process_.level(t).alpha,
                   alpha_reached = process_.level(static_cast<float>(reached)).alpha;
      const bool elsewhere = at_.connected();
      const double t_at = elsewhere ? process_.time(call.in<float>(t_at_)[n]) : t;
      const PredictedNoise slope = predicted_noise(process_, process_.level(t_at));
      const float *x = call.in<float>(x_) + n * each_, *prediction = call.in<float>(prediction_) + n * each_;
      const float* at = elsewhere ? call.in<float>(at_) + n * each_ : x;
      float* next = call.out<float>(next_) + n * each_;
      for (std::int64_t i = 0; i < each_; ++i)
        next[i] = static_cast<float>(alpha_reached * (x[i] / alpha + step * slope(at[i], prediction[i])));
    }
  }

 private:
  const NoiseProcess& process_;
  double share_;
  Input x_, prediction_, t_, t_next_, at_, t_at_;
  Output next_, t_reached_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType ode_step() {
  return {.name = "ode_step",
          .summary =
              "Goes along the probability flow ODE, to noisier or cleaner images, by the slope at any point.",
          .paper = "Song et al. 2021, arXiv:2011.13456, eq. 13; Karras et al. 2022, arXiv:2206.00364, eq. 4",
          .example = "{type: ode_step, in: {x: carry.x, prediction: out, each: each}, share: 0.5}",
          .inputs = {{"x", "[N,...] f32", "images with the noise of t"},
                     {"prediction", "[N,...] f32", "what the model gave for them, or for `at`"},
                     {"t", "[N] f32", "time of each image before the step"},
                     {"t_next", "[N] f32", "time of each image after the whole step"},
                     {.name = "at",
                      .spec = "[N,...] f32",
                      .doc = "images at which the slope is taken; x when not wired",
                      .optional = true},
                     {.name = "t_at", .spec = "[N] f32", .doc = "their time", .optional = true}},
          .outputs = {{"next", "[N,...] f32", "images after the step"}, {"t", "[N] f32", "their time"}},
          .parameters = {{.name = "share",
                          .kind = Kind::real,
                          .doc = "how much of the way to t_next is gone; 0.5 leads to its middle",
                          .standard = 1.0,
                          .minimum = 0,
                          .maximum = 1,
                          .above_minimum = true}},
          .create = make_node<OdeStep>};
}

}  // namespace dagfusion
