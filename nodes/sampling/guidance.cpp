// guidance: what a model predicts with a class, pushed further away from what it predicts without one.
// Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv:2207.12598, eq. 6, with scale = w + 1.
// Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself", arXiv:2406.02507: unconditional may as
// well be the prediction of a weaker model.
//
// c: conditional, u: unconditional, s: scale, each image by itself
//   cfg:        g = u + s * (c - u)                                           s = 1: c alone
//   zero_star:  the same with a * u in place of u, a = <c, u> / (|u|^2 + 1e-8)
//               Fan et al. 2025, "CFG-Zero*", arXiv:2503.18886, algorithm 1; with 0 in the first zero_steps iterations
//   apg:        g = c + (s - 1) * (d - (1 - parallel) * <d, c> / |c|^2 * c),  d = c - u, at most max_norm long
//               Sadat et al. 2024, "Eliminating Oversaturation and Artifacts of High Guidance Scales",
//               arXiv:2410.02416, algorithm 1; with momentum: d = c - u + momentum * d of the iteration before
//   rescale:    prediction = rescale * std(c) / std(g) * g + (1 - rescale) * g
//               Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps Are Flawed", arXiv:2305.08891, eq. 15 and 16
//
// conditional, unconditional, prediction: [N,...]; index: the iteration of the loop, for zero_steps. An image whose two
// predictions are equal keeps them, and the momentum. The papers' apg works on clean images: that is `prediction: sample`.
// Its momentum is carried by the loop:
//   carry: {x: xT, difference: zeros}
//   out:   {type: guidance, in: {conditional: with, unconditional: without, difference_before: carry.difference},
//           method: apg, momentum: -0.5}
//   next:  {x: prev, difference: out.difference}

#include "nodes/sampling/guidance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

enum class Method { cfg, zero_star, apg };

Method method_of(const std::string& name) {
  return name == "cfg" ? Method::cfg : name == "zero_star" ? Method::zero_star : Method::apg;
}

class Guidance final : public Map {
 public:
  explicit Guidance(Setup& setup)
      : method_(method_of(setup.text("method"))),
        scale_(setup.real("scale")),
        rescale_(setup.real("rescale")),
        parallel_(setup.real("parallel")),
        max_norm_(setup.real("max_norm")),
        momentum_(setup.real("momentum")),
        zero_steps_(setup.integer("zero_steps")),
        conditional_(setup.input("conditional")),
        unconditional_(setup.input("unconditional")),
        index_(setup.input("index")),
        before_(setup.input("difference_before")),
        prediction_(setup.output("prediction")),
        difference_(setup.output("difference")),
        images_(prediction_.spec.shape[0]),
        each_(count_of(prediction_.spec.shape) / images_) {
    if (zero_steps_ > 0 && !index_.connected())
      setup.fail_at(
          "zero_steps",
          fmt::format("'zero_steps' is {}, but input 'index' is not wired, which counts them", zero_steps_));
    refuse_idle_momentum(setup);
  }

  void forward(Call& call) const override {
    const float *c = call.in<float>(conditional_), *u = call.in<float>(unconditional_);
    const float* before = before_.connected() ? call.in<float>(before_) : nullptr;
    float *g = call.out<float>(prediction_), *difference = call.out<float>(difference_);
    const bool zero = index_.connected() && *call.in<std::int32_t>(index_) < zero_steps_;
    for (std::int64_t n = 0; n < images_; ++n, c += each_, u += each_, g += each_, difference += each_) {
      const bool equal = std::equal(c, c + each_, u);
      remember(c, u, before, equal ? 1 : momentum_, difference);
      if (zero)
        std::fill_n(g, each_, 0.0f);
      else if (equal)
        std::copy_n(c, each_, g);
      else
        guide(c, u, before, g);
      if (before) before += each_;
    }
  }

 private:
  void refuse_idle_momentum(Setup& setup) const {
    if (momentum_ == 0) return;
    if (method_ != Method::apg)
      setup.fail_at("momentum",
                    fmt::format("'momentum' is {}, which is for 'method: apg', but 'method' is {}", momentum_,
                                setup.text("method")));
    if (!before_.connected())
      setup.fail_at("momentum", fmt::format("'momentum' is {}, but input 'difference_before' is not wired, "
                                            "which carries it from iteration to iteration",
                                            momentum_));
  }

  void remember(const float* c, const float* u, const float* before, double kept, float* difference) const {
    for (std::int64_t i = 0; i < each_; ++i) {
      const double known = before ? kept * before[i] : 0;
      difference[i] = static_cast<float>(double{c[i]} - u[i] + known);
    }
  }

  void guide(const float* c, const float* u, const float* before, float* g) const {
    const Shares of = shares(c, u, before);
    for (std::int64_t i = 0; i < each_; ++i) {
      const double along = of.c * c[i] + of.u * u[i];
      g[i] = static_cast<float>(of.before == 0 ? along : along + of.before * before[i]);
    }
    if (rescale_ == 0) return;
    const double deviation = deviation_of(g);
    if (deviation == 0) return;
    const double factor = rescale_ * deviation_of(c) / deviation + 1 - rescale_;
    for (std::int64_t i = 0; i < each_; ++i) g[i] = static_cast<float>(factor * g[i]);
  }

  // Every method is a sum: c's share * c + u's share * u, and of the difference before with momentum.
  struct Shares {
    double c, u, before = 0;
  };
  Shares shares(const float* c, const float* u, const float* before) const {
    if (method_ == Method::cfg) return {scale_, 1 - scale_};
    double cu = 0, uu = 0, cc = 0;
    for (std::int64_t i = 0; i < each_; ++i) {
      cu += double{c[i]} * u[i];
      uu += double{u[i]} * u[i];
      cc += double{c[i]} * c[i];
    }
    if (method_ == Method::zero_star) return {scale_, (1 - scale_) * cu / (uu + 1e-8)};
    double square = cc - 2 * cu + uu, dc = cc - cu;  // |d|^2 and <d, c>
    if (momentum_ != 0) {
      double cb = 0, ub = 0, bb = 0;
      for (std::int64_t i = 0; i < each_; ++i) {
        cb += double{c[i]} * before[i];
        ub += double{u[i]} * before[i];
        bb += double{before[i]} * before[i];
      }
      square += momentum_ * (2 * (cb - ub) + momentum_ * bb);
      dc += momentum_ * cb;
    }
    const double length = std::sqrt(std::max(square, 0.0));
    const double kept = max_norm_ > 0 && length > max_norm_ ? max_norm_ / length : 1;
    const double along = cc > 0 ? dc / cc : 0;
    const double push = (scale_ - 1) * kept;
    return {1 + push * (1 - (1 - parallel_) * along), -push, push * momentum_};
  }

  double deviation_of(const float* x) const {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < each_; ++i) sum += x[i];
    const double mean = sum / static_cast<double>(each_);
    for (std::int64_t i = 0; i < each_; ++i) squares += (x[i] - mean) * (x[i] - mean);
    return std::sqrt(squares / static_cast<double>(std::max<std::int64_t>(each_ - 1, 1)));
  }

  Method method_;
  double scale_, rescale_, parallel_, max_norm_, momentum_;
  std::int64_t zero_steps_;
  Input conditional_, unconditional_, index_, before_;
  Output prediction_, difference_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace

std::vector<Parameter> guidance_parameters() {
  return {
      {.name = "scale",
       .kind = Kind::real,
       .doc = "how far to go from the unconditional prediction to the conditional one: 0 = unconditional, 1 "
              "= conditional (no guidance), above 1 = beyond; w of Ho and Salimans is scale - 1",
       .standard = 2.0,
       .minimum = 0,
       .maximum = 1000},
      {.name = "method",
       .kind = Kind::choice,
       .doc = "cfg: the plain one; zero_star: with the unconditional one scaled to fit first; apg: mainly "
              "across the conditional one",
       .standard = std::string("cfg"),
       .choices = {"cfg", "zero_star", "apg"}},
      {.name = "rescale",
       .kind = Kind::real,
       .doc = "how much of the conditional prediction's contrast to bring back: 0 = none, 0.7 = usual",
       .standard = 0.0,
       .minimum = 0,
       .maximum = 1},
      {.name = "parallel",
       .kind = Kind::real,
       .doc = "apg: how much of the push along the conditional prediction is kept; 1 = all of it, as cfg",
       .standard = 0.0,
       .minimum = 0,
       .maximum = 1},
      {.name = "max_norm",
       .kind = Kind::real,
       .doc = "apg: longest difference between the predictions, as a norm over the image; 0 = any",
       .standard = 0.0,
       .minimum = 0},
      {.name = "momentum",
       .kind = Kind::real,
       .doc = "apg: share of the difference before that is added to this one; below 0 it points where the "
              "earlier ones did not, -0.5 = usual",
       .standard = 0.0,
       .minimum = -1,
       .maximum = 1},
      {.name = "zero_steps",
       .kind = Kind::integer,
       .doc = "first iterations of the loop that predict 0 (zero_star: 1, for velocities)",
       .standard = std::int64_t{0},
       .minimum = 0}};
}

NodeType guidance() {
  return {
      .name = "guidance",
      .summary = "Pushes a prediction away from a weaker one: classifier-free guidance and its relatives.",
      .paper =
          "Ho and Salimans 2022, arXiv:2207.12598, eq. 6; Fan et al. 2025, arXiv:2503.18886, algorithm 1; "
          "Sadat "
          "et al. 2024, arXiv:2410.02416, algorithm 1; Lin et al. 2023, arXiv:2305.08891",
      .example = "{type: guidance, in: {conditional: with, unconditional: without}, scale: 3}",
      .inputs = {{"conditional", "[N,...] f32", "prediction for the class"},
                 {"unconditional", "[N,...] f32", "prediction without a class, or of a weaker model"},
                 {.name = "index",
                  .spec = "[] i32",
                  .doc = "iteration of the loop, for zero_steps",
                  .optional = true},
                 {.name = "difference_before",
                  .spec = "[N,...] f32",
                  .doc = "`difference` of the iteration before, for momentum; zeros at first",
                  .optional = true}},
      .outputs = {{"prediction", "[N,...] f32", "what a sampler's step takes"},
                  {"difference", "[N,...] f32", "conditional - unconditional, and the momentum"}},
      .parameters = guidance_parameters(),
      .create = make_node<Guidance>};
}

}  // namespace dagfusion
