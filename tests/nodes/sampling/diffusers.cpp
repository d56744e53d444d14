// Whole loops beside the schedulers of diffusers 0.27 (tests/golden/samplers.py), with a model that is a formula:
// epsilon(x, t) = 0.3 x + 0.1 sin(t / 100). diffusers counts in float32, hence the bounds.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}"};

std::vector<float> walk(const std::string& sampler, const std::vector<double>& times) {
  const auto model = [](double t, double x) { return .3 * x + .1 * std::sin(t / 100); };
  return SamplerWalk(kLinear, model, {1, -.7f, .2f}).down(sampler, times);
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

TEST(Diffusers, LmsWalksTheSameWay) {
  const std::vector<double> times = {900, 800, 700, 600, 500,
                                     400, 300, 200, 100, 0};  // its last step is another
  expect_near(walk("lms_step", times), {15.6118862, -12.7497325, 2.2652421}, 1e-5);
}

TEST(Diffusers, EulerOnKarrasNoiseLevelsWalksTheSameWay) {
  const std::vector<float> grid =
      iterations_of("{type: sampling_timesteps, steps: 10, spacing: karras}", "t", kLinear);
  std::vector<double> times(grid.begin(), grid.end());
  times.push_back(-1);
  EXPECT_NEAR(times[1], 936.9221, 2e-3);
  EXPECT_NEAR(times[3], 775.1343, 2e-3);
  expect_near(walk("euler_step", times), {40.3399554, -28.5367694, 7.9273777}, 1e-4);
}

}  // namespace
}  // namespace dagfusion::tests
