// Whole loops beside the schedulers of diffusers 0.27 (tests/golden/samplers.py), with a model that is a formula:
// epsilon(x, t) = 0.3 x + 0.1 sin(t / 100). diffusers counts in float32, hence the bounds.
#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}"};
const std::vector<float> kStart = {1, -.7f, .2f};

std::vector<float> model(const std::vector<float>& x, double t) {
  std::vector<float> epsilon;
  for (const float v : x) epsilon.push_back(static_cast<float>(.3 * v + .1 * std::sin(t / 100)));
  return epsilon;
}

std::vector<float> walk(const std::string& sampler, const std::vector<double>& times) {
  const std::string type = sampler.substr(0, sampler.find(','));
  const Plain x{{1, 3}, kStart}, t{{1}, {10}};
  std::map<std::string, Plain> in = {{"x", x}, {"prediction", x}, {"t", t}, {"t_prev", {{1}, {0}}}};
  const bool heun = type == "heun_step", unipc = type == "unipc_step",
             history = unipc || type == "dpmpp_2m_step";
  if (heun) in.insert({{"guess", x}, {"again", x}});
  if (history) in.insert({{"x0_before", x}, {"t_before", t}});
  if (unipc) in.insert({{"x0_before2", x}, {"t_before2", t}, {"start", x}});
  OneNode step("{type: " + sampler + ", clip: false}", in, kLinear);
  OneNode euler("{type: euler_step, clip: false}",
                {{"x", x}, {"prediction", x}, {"t", t}, {"t_prev", {{1}, {0}}}}, kLinear);
  std::vector<float> now = kStart, before(3), before2(3), start(3);
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    const auto give = [&](OneNode& node) {
      node.set_input("x", now);
      node.set_input("prediction", model(now, times[i]));
      node.set_input("t", {static_cast<float>(times[i])});
      node.set_input("t_prev", {static_cast<float>(times[i + 1])});
    };
    give(step);
    if (heun) {
      give(euler);
      euler.forward();
      step.set_input("guess", euler.output("prev").values);
      step.set_input("again", model(euler.output("prev").values, times[i + 1]));
    }
    if (history) {
      step.set_input("x0_before", before);
      step.set_input("t_before", {static_cast<float>(times[i < 1 ? 0 : i - 1])});
    }
    if (unipc) {
      step.set_input("x0_before2", before2);
      step.set_input("t_before2", {static_cast<float>(times[i < 2 ? 0 : i - 2])});
      step.set_input("start", start);
    }
    step.forward();
    before2 = before;
    before = step.output("x0").values;
    if (unipc) start = step.output("corrected").values;
    now = step.output("prev").values;
  }
  return now;
}

void expect_near(const std::vector<float>& found, const std::vector<double>& golden, double bound) {
  for (std::size_t i = 0; i < golden.size(); ++i)
    EXPECT_NEAR(found[i], golden[i], bound * std::fabs(golden[i]));
}

TEST(Diffusers, DdimAndEulerWalkTheSameWay) {
  const std::vector<double> times = {900, 800, 700, 600, 500, 400, 300, 200, 100, 0, -1};
  expect_near(walk("ddim_step", times), {17.1292271, -14.0249960, 2.4684162}, 1e-5);
  expect_near(walk("euler_step", times), {17.1292262, -14.0249956, 2.4684158}, 1e-5);
}

TEST(Diffusers, HeunWalksTheSameWay) {
  const std::vector<double> times = {900, 800, 700, 600, 500, 400, 300, 200, 100, 0, -1};
  expect_near(walk("heun_step", times), {12.2626986, -10.0780801, 1.7493910}, 1e-5);
}

TEST(Diffusers, Dpmpp2mWalksTheSameWay) {
  std::vector<double> times;
  for (int t = 940; t > 0; t -= 47) times.push_back(t);
  times.push_back(-1);
  expect_near(walk("dpmpp_2m_step", times), {17.7088549, -14.3579955, 2.6185730}, 1e-5);
  expect_near(walk("dpmpp_2m_step, solver: heun", times), {17.5566157, -14.2579900, 2.5850352}, 1e-5);
}

TEST(Diffusers, UnipcWalksTheSameWay) {
  std::vector<double> times;
  for (int t = 900; t >= 0; t -= 90) times.push_back(t);  // to the noise of timestep 0, where it ends
  expect_near(walk("unipc_step", times), {13.2803608, -11.0146801, 1.8474004}, 1e-5);
}

TEST(Diffusers, EulerOnKarrasNoiseLevelsWalksTheSameWay) {
  OneNode grid("{type: sampling_timesteps, steps: 10, spacing: karras}", {}, kLinear);
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) {
    grid.at(0, i);
    grid.forward();
    times.push_back(grid.output("t").values[0]);
  }
  times.push_back(-1);
  EXPECT_NEAR(times[1], 936.9221, 2e-3);
  EXPECT_NEAR(times[3], 775.1343, 2e-3);
  expect_near(walk("euler_step", times), {40.3399554, -28.5367694, 7.9273777}, 1e-4);
}

}  // namespace
}  // namespace dagfusion::tests
