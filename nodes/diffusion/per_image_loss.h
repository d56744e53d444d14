// A loss that adds up an error of each number of an image: what mse_loss and huber_loss share.
//
//   per_image[n] = weight[n] * mean over C,H,W of error(prediction - target)      (reduction: sum = their sum)
//   loss = mean of per_image over the frame's images
//
// prediction, target: [N,...]; weight: [N], 1 when not wired; loss: scalar; per_image: [N].
// Images that only fill up a frame do not count.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"

namespace dagfusion {

// Error: made from a Setup;
//   double sum(prediction, target, count): of the errors of an image;
//   void backward(scale, prediction, target, dprediction, count): scale * d(error) / d(prediction).
template <class Error>
class PerImageLoss final : public DifferentiableMap {
 public:
  explicit PerImageLoss(Setup& setup)
      : error_(setup),
        prediction_(setup.input("prediction")),
        target_(setup.input("target")),
        weight_(setup.input("weight")),
        loss_(setup.output("loss")),
        per_image_(setup.output("per_image")),
        images_(prediction_.spec.shape[0]),
        each_(count_of(prediction_.spec.shape) / images_),
        divisor_(setup.text("reduction") == "mean" ? static_cast<double>(each_) : 1) {
    setup.backward_reads(prediction_);
    setup.backward_reads(target_);
    if (weight_.connected()) setup.backward_reads(weight_);
  }

  void forward(Call& call) const override {
    const float *prediction = call.in<float>(prediction_), *target = call.in<float>(target_);
    const float* weight = weights(call);
    float* per_image = call.out<float>(per_image_);
    double all = 0;
    std::fill_n(per_image, images_, 0.0f);
    for (int n = 0; n < call.valid(); ++n) {
      const double mean = error_.sum(prediction + n * each_, target + n * each_, each_) / divisor_;
      const double weighted = weight ? mean * weight[n] : mean;
      per_image[n] = static_cast<float>(weighted);
      all += weighted;
    }
    const float loss = static_cast<float>(all / call.valid());
    if (!std::isfinite(loss)) refuse(call, per_image);
    *call.out<float>(loss_) = loss;
  }

  // d(prediction) = weight * d(error) / (D * V) * d(loss), d(target) = -d(prediction), since errors are even;
  // D: what per_image divides by, V: images that count. Likewise for per_image, without V.
  // d(weight) = error / (D * V) * d(loss).
  void backward(Call& call) const override {
    const float *prediction = call.in<float>(prediction_), *target = call.in<float>(target_);
    const float* dloss = call.d<float>(loss_);
    const float* dper_image = call.d<float>(per_image_);
    float* dprediction = call.d<float>(prediction_);
    float* dtarget = call.d<float>(target_);
    const float* weight = weights(call);
    float* dweight = weight ? call.d<float>(weight_) : nullptr;
    for (int n = 0; n < images_; ++n) {
      const bool counts = n < call.valid();
      double arrived = 0;
      if (dloss && counts) arrived += *dloss / double(call.valid());
      if (dper_image && counts) arrived += dper_image[n];
      const float *p = prediction + n * each_, *t = target + n * each_;
      if (dweight) dweight[n] = static_cast<float>(arrived / divisor_ * error_.sum(p, t, each_));
      if (weight) arrived *= weight[n];
      if (dprediction) error_.backward(arrived / divisor_, p, t, dprediction + n * each_, each_);
      if (dtarget) error_.backward(arrived / divisor_, t, p, dtarget + n * each_, each_);
    }
  }

 private:
  const float* weights(const Call& call) const {
    return weight_.connected() ? call.in<float>(weight_) : nullptr;
  }

  [[noreturn]] void refuse(const Call& call, const float* per_image) const {
    std::string images, value;
    for (int n = 0; n < call.valid(); ++n) {
      if (std::isfinite(per_image[n])) continue;
      images += fmt::format("{}{}", images.empty() ? "" : ", ", call.position() + n);
      if (value != "nan") value = std::isnan(per_image[n]) ? "nan" : "inf";
    }
    throw std::runtime_error(fmt::format("loss is {} for images {}", value, images));
  }

  Error error_;
  Input prediction_, target_, weight_;
  Output loss_, per_image_;
  std::int64_t images_, each_;  // each: numbers of one image
  double divisor_;
};

// With the ports and the `reduction` that all of them have.
template <class Error>
NodeType per_image_loss(const std::string& name, std::string summary, std::vector<Parameter> more = {}) {
  NodeType type{
      .name = name,
      .summary = std::move(summary),
      .stands_for = {"loss"},
      .example = "{type: " + name + ", in: {prediction: out, target: target}}",
      .inputs = {{"prediction", "[N,...] f32", "what the model gave"},
                 {"target", "[N,...] f32", "what it should have given"},
                 {.name = "weight",
                  .spec = "[N] f32",
                  .doc = "how much each image counts, from a loss weight; 1 when not wired",
                  .optional = true}},
      .outputs = {{"loss", "[] f32", "mean over the images of the frame"},
                  {"per_image", "[N] f32", "loss of each image"}},
      .parameters = {{.name = "reduction",
                      .kind = Kind::choice,
                      .doc = "mean or sum over the values of one image; over images it is always the mean",
                      .standard = std::string("mean"),
                      .choices = {"mean", "sum"}}},
      .create = make_node<PerImageLoss<Error>>};
  type.parameters.insert(type.parameters.end(), more.begin(), more.end());
  return type;
}

}  // namespace dagfusion
