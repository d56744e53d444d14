// The likelihood by the probability flow ODE, without a network: independent numbers with a known density.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/fixtures/exact_denoiser.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

const Mixture1d kGaussian{{{1, .2, .5}}};
const Mixture1d kTwoHeaps{{{.4, -.6, .2}, {.6, .5, .3}}};

double density(const Mixture1d& data, double x) {
  double sum = 0;
  for (const Mixture1d::Part& p : data.parts)
    sum += p.weight * std::exp(-(x - p.mean) * (x - p.mean) / (2 * p.deviation * p.deviation)) /
           (p.deviation * std::sqrt(2 * std::numbers::pi));
  return sum;
}

// The loop of pipelines/likelihood_ode.yaml by hand, with a perfect model: bits per dimension of an image.
class LikelihoodWalk {
 public:
  LikelihoodWalk(const std::string& section, const Mixture1d& data)
      : options_{.sections = "diffusion: " + section}, process_(process_of(section)), data_(data) {}

  double bits(const std::vector<float>& x0, int steps) {
    const Plain image{{1, static_cast<std::int64_t>(x0.size())}, x0}, time{{1}, {0}};
    OneNode half("{type: ode_step, share: 0.5}",
                 {{"x", image}, {"prediction", image}, {"t", time}, {"t_next", time}}, options_);
    OneNode step(
        "{type: ode_step}",
        {{"x", image}, {"prediction", image}, {"t", time}, {"t_next", time}, {"at", image}, {"t_at", time}},
        options_);
    OneNode nudge("{type: nudge}", {{"x", image}, {"t", time}}, options_);
    OneNode cost("{type: ode_bits}",
                 {{"x", image},
                  {"aside", image},
                  {"prediction", image},
                  {"prediction_aside", image},
                  {"t", time},
                  {"t_next", time},
                  {"t_at", time}},
                 options_);
    OneNode prior("{type: ode_prior_bits}", {{"x", image}, {"t", time}}, options_);
    const std::string grid =
        "{type: sampling_timesteps, reverse: true, spacing: karras, steps: " + std::to_string(steps) + "}";
    const std::vector<float> t = iterations_of(grid, "t", options_),
                             t_next = iterations_of(grid, "t_next", options_);
    std::vector<float> x = x0;
    for (float& value : x) value *= static_cast<float>(process_->level(t[0]).alpha);
    double bits = 0;
    for (std::size_t i = 0; i < t.size(); ++i) {
      give(half, {{"x", x}, {"prediction", predictions(t[i], x)}, {"t", {t[i]}}, {"t_next", {t_next[i]}}}, i);
      const std::vector<float> middle = half.output("next").values, t_middle = half.output("t").values;
      const std::vector<float> there = predictions(t_middle[0], middle);
      give(step,
           {{"x", x},
            {"prediction", there},
            {"t", {t[i]}},
            {"t_next", {t_next[i]}},
            {"at", middle},
            {"t_at", t_middle}},
           i);
      give(nudge, {{"x", middle}, {"t", t_middle}}, i);
      const std::vector<float> aside = nudge.output("out").values;
      give(cost,
           {{"x", middle},
            {"aside", aside},
            {"prediction", there},
            {"prediction_aside", predictions(t_middle[0], aside)},
            {"t", {t[i]}},
            {"t_next", {t_next[i]}},
            {"t_at", t_middle}},
           i);
      bits += cost.output("bits").values[0];
      x = step.output("next").values;
    }
    give(prior, {{"x", x}, {"t", {t_next.back()}}}, 0);
    return bits + prior.output("bits").values[0];
  }

 private:
  static void give(OneNode& node, const std::map<std::string, std::vector<float>>& inputs,
                   std::size_t iteration) {
    node.at(0, static_cast<int>(iteration));
    for (const auto& [port, values] : inputs) node.set_input(port, values);
    node.forward();
  }
  std::vector<float> predictions(float t, const std::vector<float>& x) const {
    std::vector<float> made;
    for (const float value : x)
      made.push_back(static_cast<float>(perfect_prediction(data_, *process_, process_->time(t), value)));
    return made;
  }

  OneNodeOptions options_;
  std::unique_ptr<NoiseProcess> process_;
  const Mixture1d& data_;
};

const char* const kProcesses[] = {"{process: discrete, schedule: linear, prediction: epsilon}",
                                  "{process: vp, prediction: v}", "{process: ve, prediction: sample}",
                                  "{process: edm, prediction: edm}", "{process: flow, prediction: velocity}"};

TEST(OdeBits, AreThoseOfAKnownDensityOnEveryProcess) {
  const std::vector<float> x0 = {-1.1f, -.8f, -.6f, -.5f, -.2f, 0, .1f, .3f, .45f, .5f, .8f, 1.2f};
  for (const char* process : kProcesses)
    for (const Mixture1d* data : {&kGaussian, &kTwoHeaps}) {
      SCOPED_TRACE(std::string(process) + (data == &kGaussian ? ", one heap" : ", two heaps"));
      double wanted = 0;
      for (const float x : x0) wanted -= std::log2(density(*data, x)) / double(x0.size());
      const double found = LikelihoodWalk(process, *data).bits(x0, 150);
      EXPECT_NEAR(found, wanted, .006);  // the noise where the way begins is a part of it
    }
}

TEST(OdeBits, ComeNearerWithTheSquareOfTheSteps) {
  const std::vector<float> x0 = {-.7f, -.4f, .1f, .6f};
  double wanted = 0;
  for (const float x : x0) wanted -= std::log2(density(kGaussian, x)) / double(x0.size());
  LikelihoodWalk walk(kProcesses[3], kGaussian);
  const double coarse = walk.bits(x0, 21) - wanted, fine = walk.bits(x0, 41) - wanted;
  EXPECT_NEAR(std::log2(std::abs(coarse / fine)), 2, .3) << coarse << " -> " << fine;
}

// On a flow, velocity 2 x at t = 1/2: e = x + v / 2 = 2 x = y, whose divergence is 1 in each dimension. k from 1/3 to 3.
TEST(OdeBits, AreTheStepTimesTheDivergence) {
  OneNode cost("{type: ode_bits}",
               {{"x", {{1, 3}, {1, -2, .5f}}},
                {"aside", {{1, 3}, {1.25f, -2.25f, .75f}}},
                {"prediction", {{1, 3}, {2, -4, 1}}},
                {"prediction_aside", {{1, 3}, {2.5f, -4.5f, 1.5f}}},
                {"t", {{1}, {.25f}}},
                {"t_next", {{1}, {.75f}}},
                {"t_at", {{1}, {.5f}}}},
               {.sections = "diffusion: {process: flow, prediction: velocity}"});
  cost.forward();
  EXPECT_NEAR(cost.output("bits").values[0], -8 / 3. / std::numbers::ln2, 1e-6);
}

}  // namespace
}  // namespace dagfusion::tests
