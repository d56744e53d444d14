// vlb_loss, what it is made of, and what goes with it: split_channels, hybrid_loss, prior_bits.
#include <gtest/gtest.h>

#include <numbers>

#include "nodes/diffusion/likelihood_terms.h"
#include "nodes/diffusion/reverse_variance.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

std::unique_ptr<NoiseProcess> process(const std::string& yaml) {
  std::vector<Fault> faults;
  const Parameters given =
      Parameters::read(parse_document(yaml, "test.yaml"), catalog().section("diffusion")->parameters, {},
                       "section 'diffusion'", faults);
  return discrete_process(given);
}

TEST(VlbLoss, IsMadeOfTheGoldenKl) {
  const double nats = gaussian_kl(.1, -4, .12, -3.5).kl;
  EXPECT_NEAR(nats, .05988842025, 1e-11);
  EXPECT_NEAR(nats / std::numbers::ln2, .0864007269, 1e-10);
}

TEST(VlbLoss, IsMadeOfTheGoldenProbabilities) {
  const double x = 100 / 127.5 - 1;
  EXPECT_NEAR(discretised_gaussian(x, x + .003, -4.9).log_p, -.986734378, 1e-9);
  EXPECT_NEAR(discretised_gaussian(-1, -.98, -4).log_p, -1.660011268, 1e-9);
  EXPECT_NEAR(discretised_gaussian(1, .99, -4).log_p, -.9942403016, 1e-10);
}

// A Gaussian far from its value: 1e-12 of probability, and no way to go.
TEST(VlbLoss, NeverTakesALogarithmOfNothing) {
  const DiscretisedGaussian far = discretised_gaussian(0, 1, -6);
  EXPECT_NEAR(far.log_p, std::log(1e-12), 1e-9);
  EXPECT_EQ(far.dmean, 0);
}

TEST(VlbLoss, LearnsItsVarianceBetweenTheGoldenEnds) {
  const auto linear = process("{variance: learned_range}");
  EXPECT_NEAR(reverse_variance(*linear, 499, 500, 501).log(.3f), -4.59949227, 2e-8);
  EXPECT_NEAR(reverse_variance(*linear, -1, 0, 1).log(.3f), -9.422575039, 2e-7);
  EXPECT_NEAR(reverse_variance(*linear, 499, 500, 501).small, -4.60004974, 1e-8);
  EXPECT_NEAR(reverse_variance(*linear, 499, 500, 501).large, -4.599192094, 1e-9);
  EXPECT_NEAR(reverse_variance(*linear, -1, 0, 1).small, -9.816725135, 1e-9);
  EXPECT_EQ(reverse_variance(*process("{variance: learned}"), 499, 500, 501).log(.3f), .3f);
}

OneNode node(const std::string& section, const std::string& parameters, std::vector<float> t, bool learned) {
  const auto count = static_cast<std::int64_t>(t.size());
  Plain x0 = gaussian({count, 1, 3, 3}, 1), variance = gaussian({count, 1, 3, 3}, 4);
  for (float& value : x0.values) value = std::clamp(value, -1.0f, 1.0f);  // some at each end of the range
  for (float& value : variance.values) value *= .5f;
  std::map<std::string, Plain> inputs = {{"x0", x0},
                                         {"xt", gaussian({count, 1, 3, 3}, 2)},
                                         {"prediction", gaussian({count, 1, 3, 3}, 3)},
                                         {"t", {{count}, std::move(t)}}};
  if (learned) inputs["variance"] = variance;
  return OneNode("{type: vlb_loss" + parameters + "}", inputs,
                 {.sections = "diffusion: {" + section + "}", .no_gradient = {"x0", "xt", "t"}});
}

TEST(VlbLoss, HasTheGradientsOfFiniteDifferences) {
  OneNode raw = node("variance: learned", "", {0, 40, 500}, true);
  expect_gradients_match(raw, {.h = 1e-3, .bound = 5e-3});
  OneNode range =
      node("variance: learned_range, prediction: v", ", estimate: bound, scale: 0.01", {1, 2, 3}, true);
  expect_gradients_match(range, {.h = 5e-2, .bound = 5e-3});
  OneNode fixed = node("prediction: sample", ", fixed_variance: fixed_large", {1, 40, 500}, false);
  expect_gradients_match(fixed, {.h = 5e-2, .bound = 5e-3});
}

// A prediction that is right has the mean of q: with its variance as well the term is 0.
TEST(VlbLoss, IsNothingForAModelThatKnowsTheImage) {
  const Plain x0{{2, 1}, {.3f, -.5f}};
  OneNode right("{type: vlb_loss}",
                {{"x0", x0}, {"xt", gaussian({2, 1}, 1)}, {"prediction", x0}, {"t", {{2}, {1, 700}}}},
                {.sections = "diffusion: {prediction: sample}"});
  right.forward();
  EXPECT_NEAR(right.output("loss").values[0], 0, 1e-9);
}

// t = 500, off by 0.1 in x0: ((c1 * 0.1)^2 / beta~) / 2 / ln 2 bits; times 1000 for the bound.
TEST(VlbLoss, CountsBits) {
  const auto given = [](const std::string& parameters) {
    OneNode node("{type: vlb_loss" + parameters + "}",
                 {{"x0", {{1, 1}, {.3f}}},
                  {"xt", {{1, 1}, {.5f}}},
                  {"prediction", {{1, 1}, {.4f}}},
                  {"t", {{1}, {500}}}},
                 {.sections = "diffusion: {prediction: sample}"});
    node.forward();
    return node.output("per_image").values[0];
  };
  const double bits = std::pow(.003058057076 * .1, 2) / .01005133578 / 2 / std::numbers::ln2;
  EXPECT_NEAR(given(""), bits, 1e-5 * bits);
  EXPECT_NEAR(given(", estimate: bound, scale: 2"), 2000 * bits, .02 * bits);
}

TEST(VlbLoss, RefusesWhatItCannotMean) {
  const std::map<std::string, Plain> inputs = {{"x0", numbered({1, 1})},
                                               {"xt", numbered({1, 1})},
                                               {"prediction", numbered({1, 1})},
                                               {"t", numbered({1})}};
  EXPECT_EQ(refusal("{type: vlb_loss}", inputs, {.sections = "diffusion: {variance: learned_range}"}),
            "test.yaml:1:1: node 'node' (vlb_loss): input 'variance' is not wired, but 'variance' of section "
            "'diffusion' "
            "says that the model gives it; split_channels takes it out of what the model gives");
  std::map<std::string, Plain> more = inputs;
  more["variance"] = numbered({1, 1});
  EXPECT_EQ(refusal("{type: vlb_loss}", more, {.sections = "diffusion: {}"}),
            "test.yaml:1:1: node 'node' (vlb_loss): input 'variance' is wired, but 'variance' of section "
            "'diffusion' is "
            "fixed; learned_range would say that the model gives it");
  EXPECT_EQ(
      refusal("{type: vlb_loss}", inputs, {.sections = "diffusion: {process: flow, prediction: velocity}"}),
      "test.yaml:1:1: node 'node' (vlb_loss): counts timesteps, which 'process' flow has not; the bound of "
      "other "
      "processes is another one");
  EXPECT_EQ(thrown([] { node("", "", {1.5f}, false).forward(); }),
            "t is 1.5, but the bound has terms for whole timesteps");
}

TEST(PriorBits, AgreesWithTheGoldenNumber) {
  OneNode prior("{type: prior_bits}", {{"x0", {{1, 2}, {.3f, -.3f}}}}, {.sections = "diffusion: {}"});
  prior.forward();
  EXPECT_NEAR(prior.output("bits").values[0], 2.620699693e-6, 3e-13);
}

TEST(PriorBits, RefusesNoiseThatIsNotOfVarianceOne) {
  EXPECT_EQ(
      refusal("{type: prior_bits}", {{"x0", numbered({1, 2})}}, {.sections = "diffusion: {process: edm}"}),
      "test.yaml:1:1: node 'node' (prior_bits): compares with noise of variance 1, but images of 'process' "
      "edm end "
      "with a deviation of 80");
}

TEST(SplitChannels, GivesBothHalves) {
  OneNode split("{type: split_channels}", {{"x", {{2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}}}},
                {.training = true});
  split.forward();
  EXPECT_EQ(split.output("prediction").values, (std::vector<float>{1, 2, 5, 6}));
  EXPECT_EQ(split.output("variance").values, (std::vector<float>{3, 4, 7, 8}));
  EXPECT_EQ(split.output("variance").shape, (Shape{2, 1, 1, 2}));
  split.backward(
      {{"prediction", {{2, 1, 1, 2}, {10, 20, 50, 60}}}, {"variance", {{2, 1, 1, 2}, {30, 40, 70, 80}}}});
  EXPECT_EQ(split.d_input("x").values, (std::vector<float>{10, 20, 30, 40, 50, 60, 70, 80}));
}

TEST(SplitChannels, RefusesAnOddNumberOfChannels) {
  EXPECT_EQ(
      refusal("{type: split_channels}", {{"x", numbered({1, 3, 2, 2})}}),
      "test.yaml:1:1: node 'node' (split_channels): input 'x' has 3 channels, which are not two halves; "
      "'out_channels' of the model is twice the channels of the images");
}

// A small training that learns its variance, and logs what its loss is made of.
std::string learned(std::int64_t steps) {
  std::string yaml = small_training(steps, steps);
  const auto replace = [&](const std::string& from, const std::string& to) {
    yaml.replace(yaml.find(from), from.size(), to);
  };
  replace("prediction: v}", "prediction: v, variance: learned_range}");
  replace("dropout: 0.1}", "dropout: 0.1, out_channels: 2}");
  replace("loss: {type: mse_loss, in: {prediction: out, target: target}}",
          "halves: {type: split_channels, in: out}\n  loss: {type: hybrid_loss, in: {prediction: "
          "halves.prediction, "
          "target: target, variance: halves.variance, x0: x0, xt: xt, t: t}}");
  replace("loss: loss, grad_norm: adam.grad_norm", "loss: loss, simple: loss.simple, bound: loss.bound");
  return yaml;
}

TEST(HybridLoss, IsTheSquaredErrorAndTheBound) {
  const ScratchFolder scratch;
  run_in(scratch.path(), learned(3));
  std::istringstream lines(log_without_seconds(scratch.path()));
  std::string line;
  std::getline(lines, line);
  for (int row = 0; row < 3; ++row) {
    ASSERT_TRUE(std::getline(lines, line));
    double step, images, loss, simple, bound;
    ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf,%lf", &step, &images, &bound, &loss, &simple), 5);
    EXPECT_NEAR(loss, simple + bound, 1e-5);
    EXPECT_GT(bound, 0);
  }
}

// The bound of a run is its prior and the terms of all timesteps.
TEST(VlbLoss, AddsUpToTheLikelihood) {
  const ScratchFolder scratch;
  write_text(scratch.path() / "likelihood.yaml", R"(run: {seed: 7}
nodes:
  number: {type: image_numbers, count: 4}
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  prior: {type: prior_bits, in: x0}
  bound:
    loop:
      each: {type: ddpm_timesteps}
      carry: {bits: prior}
      nodes:
        noise: {type: gaussian_noise, in: x0}
        xt: {type: add_noise, in: {x0: x0, noise: noise, t: each.t}}
        out: {type: model, in: {x: xt, t: each.t}}
        halves: {type: split_channels, in: out}
        term: {type: vlb_loss, in: {x0: x0, xt: xt, t: each.t, prediction: halves.prediction, variance: halves.variance}, clip: true}
        sum: {type: add, in: {a: carry.bits, b: term.per_image}}
      next: {bits: sum}
      collect: {t: each.t, bits: term.per_image}
  all: {type: mean_over_images, in: {bits: bound.bits, prior: prior}, name: likelihood}
  terms: {type: mean_over_images, in: {t: bound.collect.t, bits: bound.collect.bits}, name: terms}
)");
  run_in(scratch.path(), learned(2) + "  bits: {type: run_pipeline, pipeline: " +
                             (scratch.path() / "likelihood.yaml").string() + ", every: 2}\n");
  const std::filesystem::path folder = scratch.path() / "previews/step-000002";
  double bits = 0, prior = 0;
  ASSERT_EQ(std::sscanf(file_text(folder / "likelihood.csv").c_str(), "step,images,bits,prior\n2,4,%lf,%lf",
                        &bits, &prior),
            2);
  std::istringstream lines(file_text(folder / "terms.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "step,images,row,bits,t");
  double sum = prior;
  for (int row = 0; row < 100; ++row) {
    ASSERT_TRUE(std::getline(lines, line));
    double step, images, number, t, term;
    ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf,%lf", &step, &images, &number, &term, &t), 5)
        << line;
    EXPECT_EQ(number, row);
    EXPECT_EQ(t, 99 - row);
    sum += term;
  }
  EXPECT_NEAR(sum, bits, 1e-4 * bits);
  EXPECT_GT(prior, 0);
  EXPECT_FALSE(std::getline(lines, line));
}

}  // namespace
}  // namespace dagfusion::tests
