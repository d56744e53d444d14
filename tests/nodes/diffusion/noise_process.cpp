#include "nodes/diffusion/noise_process.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/check/check.h"
#include "tests/fixtures/exact_denoiser.h"

namespace dagfusion::tests {
namespace {

void expect_golden(double value, double golden) { EXPECT_NEAR(value, golden, 6e-10 * std::abs(golden)); }

std::string refusal_of(const std::string& yaml) {
  try {
    process_of(yaml);
  } catch (const UserError& error) {
    return error.faults().front().message;
  }
  return "";
}

TEST(NoiseProcess, IsDiscreteWhenNothingElseIsSaid) {
  const auto process = process_of("{}");
  EXPECT_EQ(process->name(), "discrete");
  EXPECT_EQ(process->clean(), -1);
  EXPECT_EQ(process->timesteps(), 1000);
  EXPECT_TRUE(process->before_model().empty());
}

TEST(NoiseProcess, EveryoneTurnsNoiseLevelsBackIntoTimes) {
  for (const char* yaml : {"{}", "{process: vp}", "{process: ve}", "{process: edm}", "{process: flow}"}) {
    SCOPED_TRACE(yaml);
    const auto process = process_of(yaml);
    for (const double sigma : {.03, .5, 1., 7., 60.})
      EXPECT_NEAR(process->karras_sigma(process->time_of(sigma)), sigma, 1e-9 * sigma);
    EXPECT_LT(process->karras_sigma(process->least()), process->karras_sigma(process->most()));
    EXPECT_EQ(process->level(process->clean()).sigma, 0);
    EXPECT_EQ(process->level(process->clean()).alpha, 1);
  }
}

TEST(NoiseProcess, VpHasTheSigmasOfSong) {
  // sigma^2 + 1 = exp(19.9 / 2 t^2 + 0.1 t): exp(2.5375) at t = 1/2, exp(10.05) at t = 1
  const auto vp = process_of("{process: vp}");
  EXPECT_NEAR(std::pow(vp->karras_sigma(.5), 2) + 1, std::exp(2.5375), 1e-9);
  EXPECT_NEAR(std::pow(vp->karras_sigma(1), 2) + 1, std::exp(10.05), 1e-7);
  EXPECT_NEAR(std::hypot(vp->level(.3).alpha, vp->level(.3).sigma), 1, 1e-15);
  EXPECT_EQ(vp->network_input(.5).time, 499.5);
}

TEST(NoiseProcess, VeDrawsEvenlyInTheLogarithm) {
  const auto ve = process_of("{process: ve}");
  EXPECT_EQ(ve->least(), .02);
  EXPECT_EQ(ve->most(), 100);
  EXPECT_NEAR(ve->at_share(.5), std::sqrt(2), 1e-12);
  EXPECT_NEAR(ve->network_input(3).time, std::log(1.5), 1e-15);
  EXPECT_EQ(ve->largest_noise(), 100);
}

TEST(NoiseProcess, EdmHasTheGoldenPreconditioning) {
  struct Golden {
    double sigma, skip, out, in, noise;
  };
  const auto edm = process_of("{process: edm, prediction: edm}");
  for (const Golden& g : {Golden{1, .2, .4472135955, .894427191, 0},
                          {.5, .5, .3535533906, 1.414213562, -.1732867951},
                          {80, 3.906097418e-5, .4999902347, .01249975587, 1.095506659}}) {
    const auto [from_x, from_prediction] = edm->prediction().clean_image(edm->level(g.sigma));
    expect_golden(from_x, g.skip);
    expect_golden(from_prediction, g.out);
    expect_golden(edm->network_input(g.sigma).scale, g.in);
    expect_golden(edm->network_input(g.sigma).time, g.noise);
  }
}

TEST(NoiseProcess, FlowHasTheGoldenIdentities) {
  // t = .3, x0 = .5, e = -1.2
  const auto flow = process_of("{process: flow, prediction: velocity}");
  const auto [alpha, sigma] = flow->level(.3);
  EXPECT_NEAR(alpha * .5 + sigma * -1.2, -.01, 1e-15);
  const auto [from_x0, from_noise] = flow->prediction().target({alpha, sigma});
  EXPECT_NEAR(from_x0 * .5 + from_noise * -1.2, -1.7, 1e-15);
  expect_golden(flow->karras_sigma(.3), .4285714286);
  expect_golden(flow->snr(.3), 5.444444444);
  expect_golden(std::log(flow->snr(.3)), 1.694595721);
  const auto shifted = [&](double t, double s) { return flow->time_of(s * flow->karras_sigma(t)); };
  expect_golden(shifted(.5, std::exp(1.15)), .7595109169);
  expect_golden(shifted(.501, 3), .7507492507);
  EXPECT_EQ(flow->network_input(.3).time, 300);
  EXPECT_EQ(process_of("{process: flow, time_scale: 1}")->network_input(.25).time, .25);
}

TEST(NoiseProcess, TargetAndCleanImageAgreeForEveryPredictionAndProcess) {
  for (const char* process : {"discrete", "vp", "ve", "edm", "flow"})
    for (const char* prediction : {"epsilon", "sample", "v", "velocity", "edm"}) {
      SCOPED_TRACE(std::string(process) + ", " + prediction);
      const auto made = process_of(std::string("{process: ") + process + ", prediction: " + prediction + "}");
      const double t = made->time_of(.8), x0 = .37, e = -1.1;
      const NoiseLevel at = made->level(t);
      const auto [from_x, from_prediction] = made->prediction().clean_image(at);
      const auto [from_x0, from_noise] = made->prediction().target(at);
      EXPECT_NEAR(from_x * (at.alpha * x0 + at.sigma * e) + from_prediction * (from_x0 * x0 + from_noise * e),
                  x0, 1e-13);
    }
}

TEST(NoiseProcess, StepsBetweenAnyTwoTimesAreThoseOfTheTable) {
  const auto linear = process_of("{}");
  const NoiseProcess::Transition step = linear->between(499, 500);
  expect_golden(step.from_x0, .003058057076);
  expect_golden(step.from_x, .9941043508);
  expect_golden(step.variance, .01005133578);
  expect_golden(step.added, .01005995996);
  const NoiseProcess::Transition last = linear->between(-1, 50);
  EXPECT_EQ(last.from_x0, 1);
  EXPECT_EQ(last.from_x, 0);
  EXPECT_EQ(last.variance, 0);
}

TEST(NoiseProcess, TwoStepsAreAsGoodAsOneLongOne) {
  // x_r given x_t and x0 in one step, and by way of s: the same mean and variance.
  for (const char* yaml : {"{}", "{process: vp}", "{process: ve}", "{process: edm}", "{process: flow}"}) {
    SCOPED_TRACE(yaml);
    const auto process = process_of(yaml);
    const double r = process->time_of(.2), s = process->time_of(.9), t = process->time_of(4);
    const auto one = process->between(r, t), first = process->between(s, t), second = process->between(r, s);
    EXPECT_NEAR(second.from_x * first.from_x, one.from_x, 1e-12);
    EXPECT_NEAR(second.from_x * first.from_x0 + second.from_x0, one.from_x0, 1e-12);
    EXPECT_NEAR(second.from_x * second.from_x * first.variance + second.variance, one.variance, 1e-12);
  }
}

TEST(NoiseProcess, PutsNodesInFrontOfTheModelWhereTheyChangeSomething) {
  const auto types = [](const char* yaml) {
    std::string all;
    for (const auto& [port, type] : process_of(yaml)->before_model()) all += port + ":" + type + " ";
    return all;
  };
  EXPECT_EQ(types("{process: edm}"), "x:network_input t:network_time ");
  EXPECT_EQ(types("{process: flow}"), "t:network_time ");
  EXPECT_EQ(types("{process: flow, time_scale: 1}"), "");
  EXPECT_EQ(types("{process: ve}"), "t:network_time ");
}

// Type of the node that input `port` of `node` is wired to.
std::string wired_to(const Checked& checked, const std::string& node, const std::string& port) {
  for (const CheckedNode& n : checked.nodes)
    if (n.path == node)
      for (const CheckedInput& input : n.inputs)
        if (input.port == port) return checked.nodes[static_cast<std::size_t>(input.from.node)].type->name;
  return "no such input";
}

TEST(NoiseProcess, EveryCallOfAModelGetsThem) {
  const auto checked = [](const std::string& section) {
    return check(
        parse_document("run: {images: 2, micro_batch: 2}\n"
                       "diffusion: " +
                           section +
                           "\n"
                           "model: {type: unet, channels: 8, multipliers: [1], blocks: 1, groups: 4}\n"
                           "nodes:\n"
                           "  digits: {type: drawn_digits, size: 8}\n"
                           "  x0: {type: to_signed, in: digits}\n"
                           "  t: {type: uniform_timesteps, in: x0}\n"
                           "  out: {type: model, in: {x: x0, t: t}}\n"
                           "  again: {type: model, in: {x: x0, t: t}, when: t, otherwise: out}\n",
                       "test.yaml"),
        catalog(), {});
  };
  const Checked edm = checked("{process: edm, prediction: edm}"), discrete = checked("{}");
  for (const std::string call : {"out", "again"}) {
    EXPECT_EQ(wired_to(edm, call + "/conv_in", "x"), "network_input");
    EXPECT_EQ(wired_to(edm, call + "/time/embedding", "t"), "network_time");
    EXPECT_EQ(wired_to(edm, call + "/network_input", "x"), "to_signed");
    EXPECT_EQ(wired_to(edm, call + "/network_input", "t"), "uniform_timesteps");
    EXPECT_EQ(wired_to(discrete, call + "/conv_in", "x"), "to_signed");
    EXPECT_EQ(wired_to(discrete, call + "/time/embedding", "t"), "uniform_timesteps");
  }
}

TEST(NoiseProcess, AFlowOfNoiseEndsBeforeNothingIsLeft) {
  EXPECT_EQ(process_of("{process: flow, prediction: epsilon}")->most(), .999);
  EXPECT_EQ(process_of("{process: flow, prediction: velocity}")->most(), 1);
}

TEST(NoiseProcess, RefusesKeysOfAnotherProcess) {
  EXPECT_EQ(
      refusal_of("{process: flow, schedule: cosine}"),
      "section 'diffusion': 'schedule' is a key of 'process' discrete, but 'process' is flow, whose own are "
      "time_scale");
  EXPECT_EQ(
      refusal_of("{sigma_max: 10}"),
      "section 'diffusion': 'sigma_max' is a key of 'process' ve, but 'process' is discrete, whose own are "
      "schedule, timesteps, beta_start, beta_end, betas, zero_terminal_snr, variance");
  EXPECT_EQ(refusal_of("{process: edm, sigma_min: 90}"),
            "section 'diffusion': 'sigma_min' is 90, not below 'sigma_max' 80");
}

}  // namespace
}  // namespace dagfusion::tests
