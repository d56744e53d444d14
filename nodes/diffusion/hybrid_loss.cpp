// hybrid_loss: trains a model that learns its variance: squared error for the prediction, the bound for the variance.
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 16.
//
//   loss = mse + lambda * T * term          term: of vlb_loss, whose gradient does not reach the prediction
//
// simple (mse_loss), still (stop_gradient), bound (vlb_loss), loss and per_image (add): formulas and shapes stand there.
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

void expand(Builder& build) {
  const Wire prediction = build.input("prediction");
  const Wire simple = build.add(
      "simple", "mse_loss",
      {{"prediction", prediction}, {"target", build.input("target")}, {"weight", build.input("weight")}});
  const Wire still = build.add("still", "stop_gradient", {{"x", prediction}});
  const Wire bound =
      build.add("bound", "vlb_loss",
                {{"x0", build.input("x0")},
                 {"xt", build.input("xt")},
                 {"t", build.input("t")},
                 {"prediction", still},
                 {"variance", build.input("variance")}},
                {{"estimate", std::string("bound")}, {"scale", build.parameters().setting("lambda")}});
  build.output("loss", build.add("loss", "add", {{"a", simple}, {"b", bound}}));
  build.output("per_image",
               build.add("per_image", "add",
                         {{"a", build.port(simple, "per_image")}, {"b", build.port(bound, "per_image")}}));
  build.output("simple", simple);
  build.output("bound", bound);
}

}  // namespace

NodeType hybrid_loss() {
  return {.name = "hybrid_loss",
          .summary = "Squared error for the prediction, the variational bound for a learned variance.",
          .stands_for = {"loss"},
          .paper = "Nichol, Dhariwal 2021, arXiv:2102.09672, eq. 16",
          .example =
              "{type: hybrid_loss, in: {prediction: halves.prediction, target: target, variance: "
              "halves.variance, x0: x0, xt: xt, t: t}}",
          .role = Role::composite,
          .inputs = {{"prediction", "[N,...] f32", "what the model gave"},
                     {"target", "[N,...] f32", "what it should have given"},
                     {"variance", "[N,...] f32", "what it gave for the variance"},
                     {"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"xt", "[N,...] f32", "the same with the noise of t"},
                     {"t", "[N] f32", "timestep of each image"},
                     {.name = "weight",
                      .spec = "[N] f32",
                      .doc = "how much the squared error of each image counts; 1 when not wired",
                      .optional = true}},
          .outputs = {{"loss", "[] f32", "mean over the images of the frame"},
                      {"per_image", "[N] f32", "loss of each image"},
                      {"simple", "[] f32", "the squared error in it"},
                      {"bound", "[] f32", "the bound in it, times lambda"}},
          .parameters = {{.name = "lambda",
                          .kind = Kind::real,
                          .doc = "factor on the bound, in bits per dimension",
                          .standard = 0.001,
                          .minimum = 0}},
          .expand = expand};
}

}  // namespace dagfusion
