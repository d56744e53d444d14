// vlb_loss: the term of the variational bound that belongs to each image's timestep, in bits per dimension.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 5, 8 and 13; learned variance:
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 4 to 7.
//
//   t > 0   KL(q(x[t-1] | x[t], x0) || p(x[t-1] | x[t]))
//   t = 0   -ln of the probability that p gives to x0, one of 256 steps      both: nodes/diffusion/likelihood_terms.h
//   per_image = scale * mean over C,H,W / ln 2          (estimate: bound = times T, so that its mean is the whole bound)
//   loss = mean of per_image over the frame's images
//
// Mean of p: that of q with the prediction's clean image in place of x0; its ln variance is fixed or learned
// (nodes/diffusion/reverse_variance.h). x0, xt, prediction, variance: [N,...]; t: [N], whole timesteps.
// Backward reaches prediction and variance; x0 and xt get none.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/diffusion/likelihood_terms.h"
#include "nodes/diffusion/reverse_variance.h"

namespace dagfusion {
namespace {

class VlbLoss final : public DifferentiableMap {
 public:
  explicit VlbLoss(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x0_(setup.input("x0")),
        xt_(setup.input("xt")),
        t_(setup.input("t")),
        prediction_(setup.input("prediction")),
        variance_(learned_variance_input(setup, process_)),
        loss_(setup.output("loss")),
        per_image_(setup.output("per_image")),
        images_(static_cast<int>(x0_.spec.shape[0])),
        each_(static_cast<std::size_t>(count_of(x0_.spec.shape) / images_)),
        large_(setup.text("fixed_variance") == "fixed_large"),
        limit_(setup.flag("clip") ? 1 : std::numeric_limits<double>::infinity()) {
    if (process_.timesteps() == 0)
      setup.fail(
          fmt::format("counts timesteps, which 'process' {} has not; the bound of other processes is "
                      "another one",
                      process_.name()));
    const double times = setup.text("estimate") == "bound" ? process_.timesteps() : 1;
    unit_ = setup.real("scale") * times / (static_cast<double>(each_) * std::numbers::ln2);
    for (const Input& read : {x0_, xt_, t_, prediction_, variance_})
      if (read.connected()) setup.backward_reads(read);
  }

  void forward(Call& call) const override {
    float* per_image = call.out<float>(per_image_);
    std::fill_n(per_image, images_, 0.0f);
    double all = 0;
    for (int n = 0; n < call.valid(); ++n) {
      const Image image = this->image(call, n);
      double sum = 0;
      for (std::size_t i = 0; i < each_; ++i) sum += term(image, i).value;
      per_image[n] = static_cast<float>(unit_ * sum);
      all += unit_ * sum;
    }
    const double loss = all / call.valid();
    if (!std::isfinite(loss)) throw std::runtime_error(fmt::format("the bound is {}", loss));
    *call.out<float>(loss_) = static_cast<float>(loss);
  }

  void backward(Call& call) const override {
    const float *dloss = call.d<float>(loss_), *dper_image = call.d<float>(per_image_);
    float* dprediction = call.d<float>(prediction_);
    float* dvariance = variance_.connected() ? call.d<float>(variance_) : nullptr;
    for (const Input& still : {x0_, xt_})
      if (float* d = call.d<float>(still)) std::fill_n(d, images_ * each_, 0.0f);
    for (int n = 0; n < images_; ++n) {
      const bool counts = n < call.valid();
      double arrived = 0;
      if (dloss && counts) arrived += *dloss / double(call.valid());
      if (dper_image && counts) arrived += dper_image[n];
      const Image image = this->image(call, n);
      const std::size_t start = n * each_;
      for (std::size_t i = 0; i < each_; ++i) {
        const Term of = counts ? term(image, i) : Term{};
        if (dprediction) dprediction[start + i] = static_cast<float>(arrived * unit_ * of.dprediction);
        if (dvariance) dvariance[start + i] = static_cast<float>(arrived * unit_ * of.dvariance);
      }
    }
  }

 private:
  struct Image {
    const float *x0, *xt, *prediction, *variance;
    NoiseProcess::Transition back;
    PredictionKind::CleanImage clean;
    ReverseVariance reverse;
    bool first;  // t = 0
  };
  Image image(const Call& call, int n) const {
    const double t = process_.time(call.in<float>(t_)[n]);
    if (t != std::floor(t))
      throw std::runtime_error(fmt::format("t is {}, but the bound has terms for whole timesteps", t));
    const std::size_t start = n * each_;
    return {.x0 = call.in<float>(x0_) + start,
            .xt = call.in<float>(xt_) + start,
            .prediction = call.in<float>(prediction_) + start,
            .variance = variance_.connected() ? call.in<float>(variance_) + start : nullptr,
            .back = process_.between(t - 1, t),
            .clean = process_.prediction().clean_image(process_.level(t)),
            .reverse = reverse_variance(process_, t - 1, t, t + 1),
            .first = t == 0};
  }

  struct Term {
    double value = 0, dprediction = 0, dvariance = 0;
  };
  Term term(const Image& image, std::size_t i) const {
    const double raw = image.clean.from_x * image.xt[i] + image.clean.from_prediction * image.prediction[i];
    const double guess = std::clamp(raw, -limit_, limit_);
    const double dguess = std::fabs(raw) <= limit_ ? image.back.from_x0 * image.clean.from_prediction : 0;
    const double mean = image.back.from_x * image.xt[i] + image.back.from_x0 * guess;
    const double v = image.variance           ? image.reverse.log(image.variance[i])
                     : large_ && !image.first ? image.reverse.large
                                              : image.reverse.small;
    if (image.first) {
      const DiscretisedGaussian p = discretised_gaussian(image.x0[i], mean, v / 2);
      return {-p.log_p, -p.dmean * dguess, -p.dlog_scale / 2 * image.reverse.slope()};
    }
    const double wanted = image.back.from_x * image.xt[i] + image.back.from_x0 * image.x0[i];
    const GaussianKl of = gaussian_kl(wanted, image.reverse.small, mean, v);
    return {of.kl, of.dmean * dguess, of.dlog_variance * image.reverse.slope()};
  }

  const NoiseProcess& process_;
  Input x0_, xt_, t_, prediction_, variance_;
  Output loss_, per_image_;
  int images_;
  std::size_t each_;  // numbers of one image
  bool large_;
  double limit_, unit_ = 0;
};

}  // namespace

NodeType vlb_loss() {
  return {
      .name = "vlb_loss",
      .summary = "The term of the variational bound that belongs to each image's timestep, in bits.",
      .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 5; Nichol, Dhariwal 2021, arXiv:2102.09672, eq. 4",
      .example = "{type: vlb_loss, in: {x0: x0, xt: xt, t: t, prediction: out}}",
      .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                 {"xt", "[N,...] f32", "the same with the noise of t"},
                 {"t", "[N] f32", "timestep of each image"},
                 {"prediction", "[N,...] f32", "what the model gave for xt"},
                 {.name = "variance",
                  .spec = "[N,...] f32",
                  .doc =
                      "what it gave for the variance, where `variance` of the section `diffusion` is learned",
                  .optional = true}},
      .outputs = {{"loss", "[] f32", "mean over the images of the frame, in bits per dimension"},
                  {"per_image", "[N] f32", "that of each image"}},
      .parameters = {{.name = "estimate",
                      .kind = Kind::choice,
                      .doc = "term: what the timestep adds to the bound; bound: that times T, which for even "
                             "draws of t is the whole bound on average",
                      .standard = std::string("term"),
                      .choices = {"term", "bound"}},
                     {.name = "scale", .kind = Kind::real, .doc = "factor on all of it", .standard = 1.0},
                     {.name = "clip",
                      .kind = Kind::boolean,
                      .doc = "keep the predicted clean image in [-1,1], as for likelihoods",
                      .standard = false},
                     {.name = "fixed_variance",
                      .kind = Kind::choice,
                      .doc = "of a variance that is not learned: that of the posterior, or all of beta",
                      .standard = std::string("fixed_small"),
                      .choices = {"fixed_small", "fixed_large"}}},
      .create = make_node<VlbLoss>};
}

}  // namespace dagfusion
