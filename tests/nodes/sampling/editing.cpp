// Nodes that edit: inpainting, interpolation, inversion.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/exact_denoiser.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

TEST(Blend, TakesOneWhereTheMaskIsOne) {
  OneNode node("{type: blend}",
               {{"a", {{1, 3}, {1, 2, 3}}}, {"b", {{1, 3}, {10, 20, 30}}}, {"mask", {{1, 3}, {1, 0, .5f}}}});
  node.forward();
  EXPECT_EQ(node.output("y").values, std::vector<float>({1, 20, 16.5f}));
}

TEST(BoxMask, IsZeroInsideItsBox) {
  OneNode node("{type: box_mask, box: [0.5, 0.0, 1.0, 0.5]}", {{"like", numbered({1, 1, 2, 4})}});
  node.forward();
  EXPECT_EQ(node.output("mask").values, std::vector<float>({1, 1, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(
      refusal("{type: box_mask, box: [0.5, 0.0, 0.5, 1.0]}", {{"like", numbered({1, 1, 2, 2})}}),
      "test.yaml:1:23: node 'node' (box_mask): 'box' is empty: top 0.5 and left 0 must lie before bottom 0.5 "
      "and right 1");
  EXPECT_EQ(refusal("{type: box_mask, box: [0.5]}", {{"like", numbered({1, 1, 2, 2})}}),
            "test.yaml:1:23: node 'node' (box_mask): 'box' has 1 numbers; it is [top, left, bottom, right]");
}

TEST(Interpolate, LerpWalksStraightAndSlerpOnASphere) {
  // two vectors of length 5 at a right angle: half way lerp is (2.5, 2.5), slerp (5, 5) / sqrt(2)
  const std::map<std::string, Plain> ends = {{"a", {{3, 2}, {5, 0, 5, 0, 5, 0}}},
                                             {"b", {{3, 2}, {0, 5, 0, 5, 0, 5}}}};
  OneNode lerp("{type: interpolate, count: 3}", ends),
      slerp("{type: interpolate, count: 3, method: slerp}", ends);
  lerp.forward();
  slerp.forward();
  EXPECT_EQ(lerp.output("y").values, std::vector<float>({5, 0, 2.5f, 2.5f, 0, 5}));
  const std::vector<float> y = slerp.output("y").values;
  for (const auto& [i, value] :
       {std::pair{0, 5.}, {1, 0.}, {2, 5 / std::sqrt(2)}, {3, 5 / std::sqrt(2)}, {4, 0.}, {5, 5.}})
    EXPECT_NEAR(y[static_cast<std::size_t>(i)], value, 1e-6);
}

TEST(Interpolate, SlerpOfTwoThatAreOneIsThatOne) {
  OneNode same("{type: interpolate, count: 2, method: slerp}",
               {{"a", {{1, 2}, {1, 2}}}, {"b", {{1, 2}, {1, 2}}}});
  same.forward();
  EXPECT_EQ(same.output("y").values, std::vector<float>({1, 2}));
}

std::vector<float> walk(const std::string& yaml, const std::string& port, const std::string& section) {
  return iterations_of(yaml, port, {.sections = "diffusion: " + section});
}

TEST(RepaintTimesteps, GoesBackUpAtEveryJump) {
  // 6 levels, jumps of 2, each stretch walked twice: down to level 2, up to 4, down to 0, up to 2, down to the image
  const std::string yaml = "{type: repaint_timesteps, steps: 6, jump: 2, resample: 2}",
                    section = "{timesteps: 60}";
  EXPECT_EQ(walk(yaml, "t", section),
            std::vector<float>({50, 40, 30, 20, 30, 40, 30, 20, 10, 0, 10, 20, 10, 0}));
  EXPECT_EQ(walk(yaml, "t_prev", section),
            std::vector<float>({40, 30, 20, 30, 40, 30, 20, 10, 0, 10, 20, 10, 0, -1}));
  EXPECT_EQ(walk(yaml, "up", section), std::vector<float>({0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0}));
}

TEST(RepaintTimesteps, GoesStraightDownWithoutResampling) {
  EXPECT_EQ(
      walk("{type: repaint_timesteps, steps: 3, jump: 1, resample: 1}", "t", "{timesteps: 3, beta_end: 0.5}"),
      std::vector<float>({2, 1, 0}));
}

TEST(SamplingTimesteps, HasTheGridsOfThePapers) {
  const std::string edm = "{process: edm}";
  const std::vector<float> karras = walk("{type: sampling_timesteps, steps: 18}", "t", edm);
  const std::vector<float> golden = {80,       57.586f,  40.7856f,  28.3746f,  19.3525f,   12.9101f,
                                     8.40094f, 5.31519f, 3.25682f,  1.92334f,  1.08817f,   .585348f,
                                     .296442f, .139516f, .0599473f, .0229345f, .00752802f, .002f};
  ASSERT_EQ(karras.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(karras[i], golden[i], 6e-6 * golden[i]);
  EXPECT_NEAR(walk("{type: sampling_timesteps, steps: 32}", "t", edm)[17], 1.608571366, 1e-6);

  const std::string flow = "{process: flow, prediction: velocity}";
  const auto expect = [&](const std::string& parameters, const std::vector<double>& wanted) {
    const std::vector<float> t = walk("{type: sampling_timesteps, " + parameters + "}", "t", flow);
    ASSERT_EQ(t.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(t[i], wanted[i], 2e-7);
  };
  expect("steps: 4", {1, .75, .5, .25});
  expect("steps: 5, spacing: linspace", {1, .75025, .5005, .25075, .001});
  expect("steps: 5, spacing: linspace, shift: 3", {1, .900119976, .7503748126, .500999001, .002994011976});
  const std::vector<float> on_edm = walk("{type: sampling_timesteps, steps: 10, spacing: karras}", "t", flow);
  EXPECT_NEAR(on_edm[0], .987654321, 1e-7);
  EXPECT_NEAR(on_edm[1], .9769665867, 1e-7);
  EXPECT_NEAR(on_edm[2], .9547688895, 1e-7);

  const std::vector<float> on_timesteps =
      walk("{type: sampling_timesteps, steps: 4, spacing: log_snr}", "t", "{}");
  EXPECT_EQ(on_timesteps.front(), 999);
  EXPECT_EQ(on_timesteps.back(), 0);
  EXPECT_EQ(walk("{type: sampling_timesteps, steps: 4}", "t", "{}"), std::vector<float>({750, 500, 250, 0}));
}

TEST(SamplingTimesteps, KnowsItsNeighboursAndWhatWasBefore) {
  const std::string yaml = "{type: sampling_timesteps, list: [900, 500, 20]}";
  EXPECT_EQ(walk(yaml, "t", "{}"), std::vector<float>({900, 500, 20}));
  EXPECT_EQ(walk(yaml, "t_prev", "{}"), std::vector<float>({500, 20, -1}));
  EXPECT_EQ(walk(yaml, "t_next", "{}"), std::vector<float>({900, 900, 500}));
  EXPECT_EQ(walk(yaml, "t_before", "{}"), std::vector<float>({900, 900, 500}));
  EXPECT_EQ(walk(yaml, "t_before2", "{}"), std::vector<float>({900, 900, 900}));
  EXPECT_EQ(walk(yaml, "more", "{}"), std::vector<float>({1, 1, 0}));
}

TEST(SamplingTimesteps, TakesTheCleanEndWithStrengthAndRisesInReverse) {
  EXPECT_EQ(walk("{type: sampling_timesteps, steps: 4, strength: 0.5}", "t", "{}"),
            std::vector<float>({250, 0}));
  const std::string up = "{type: sampling_timesteps, steps: 4, reverse: true}";
  EXPECT_EQ(walk(up, "t", "{}"), std::vector<float>({0, 250, 500}));
  EXPECT_EQ(walk(up, "t_next", "{}"), std::vector<float>({250, 500, 750}));
  EXPECT_EQ(walk(up, "t_prev", "{}"), std::vector<float>({-1, 0, 250}));
}

TEST(SamplingTimesteps, RefusesWhatIsNoGrid) {
  const auto says = [](const std::string& parameters, const std::string& section) {
    const std::string message =
        refusal("{type: sampling_timesteps, " + parameters + "}", {}, {.sections = "diffusion: " + section});
    return message.substr(message.find(": ", message.find("node 'node'")) + 2);
  };
  EXPECT_EQ(says("steps: 1001", "{}"),
            "'steps' is 1001, more than the 1000 timesteps of section 'diffusion'");
  EXPECT_EQ(says("list: [5, 9]", "{}"), "'list' holds 9 after 5; noise is taken away, so it must fall");
  EXPECT_EQ(says("list: [1000]", "{}"),
            "'list' holds 1000, but the times of 'process' discrete go from 0 to 999");
  EXPECT_EQ(says("list: []", "{}"), "'list' is empty; it names a time for each step");
  EXPECT_EQ(says("spacing: leading", "{process: flow, prediction: v}"),
            "'spacing' leading counts timesteps, which 'process' flow has not; trailing is usual there");
  EXPECT_EQ(says("spacing: karras, sigma_min: 200", "{}"),
            "'sigma_min' is 200, but the noise goes from 157.407 down to 200");
  EXPECT_EQ(says("steps: 1, reverse: true", "{}"),
            "'steps' is 1; from clean to noisy it takes 2 times or more");
}

TEST(DdimInversionStep, IsUndoneByDdim) {
  // with the exact denoiser the ODE has one solution: up in 400 steps and down again
  static const Mixture1d data{{{.4, -.6, .2}, {.6, .5, .3}}};
  const std::string section = "{process: vp, prediction: v}";
  const auto process = process_of(section);
  const std::vector<float> clean = {-.7f, -.3f, .1f, .6f};
  std::vector<float> x = clean;
  const auto predictions = [&](double t) {
    std::vector<float> all;
    for (const float v : x) all.push_back(static_cast<float>(perfect_prediction(data, *process, t, v)));
    return all;
  };
  std::vector<float> times;
  for (int i = 0; i <= 400; ++i)
    times.push_back(static_cast<float>(process->time_of(.01 * std::pow(5000, i / 400.0))));
  const std::map<std::string, Plain> in = {
      {"x", {{1, 4}, clean}}, {"prediction", {{1, 4}, clean}}, {"t", {{1}, {.5f}}}};
  std::map<std::string, Plain> up_in = in, down_in = in;
  up_in.insert({"t_next", {{1}, {.6f}}});
  down_in.insert({"t_prev", {{1}, {.4f}}});
  const OneNodeOptions options{.sections = "diffusion: " + section};
  OneNode up("{type: ddim_inversion_step}", up_in, options),
      down("{type: ddim_step, clip: false}", down_in, options);
  const auto step = [&](OneNode& node, float t, const char* port, float to, const char* result) {
    node.set_input("x", x);
    node.set_input("prediction", predictions(t));
    node.set_input("t", {t});
    node.set_input(port, {to});
    node.forward();
    x = node.output(result).values;
  };
  for (std::size_t i = 0; i + 1 < times.size(); ++i) step(up, times[i], "t_next", times[i + 1], "next");
  for (const float noise : x) EXPECT_LT(std::fabs(noise), 4);
  for (std::size_t i = times.size() - 1; i > 0; --i) step(down, times[i], "t_prev", times[i - 1], "prev");
  for (std::size_t i = 0; i < clean.size(); ++i) EXPECT_NEAR(x[i], clean[i], .02);
}

TEST(DdimInversionStep, RefusesToTakeNoiseAway) {
  OneNode node(
      "{type: ddim_inversion_step}",
      {{"x", {{1, 1}, {0}}}, {"prediction", {{1, 1}, {0}}}, {"t", {{1}, {10}}}, {"t_next", {{1}, {10}}}},
      {.sections = "diffusion: {}"});
  try {
    node.forward();
    FAIL() << "stepped from 10 to 10";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "t_next is 10, which is not above t = 10; an inversion adds noise");
  }
}

TEST(Churn, AddsTheNoiseThatItsFormulaSays) {
  // sigma 2 -> 2 * (1 + 40/100): x' - x has deviation sqrt(2.8^2 - 2^2) * 1.003
  constexpr int n = 1 << 16;
  OneNode node("{type: churn, steps: 100}", {{"x", {{1, n}, std::vector<float>(n, .5f)}}, {"t", {{1}, {2}}}},
               {.sections = "diffusion: {process: edm}"});
  node.forward();
  EXPECT_NEAR(node.output("t").values[0], 2.8, 1e-6);
  double square = 0;
  for (const double x : node.output("x").values) square += (x - .5) * (x - .5) / n;
  const double deviation = std::sqrt(2.8 * 2.8 - 4) * 1.003;
  EXPECT_NEAR(std::sqrt(square), deviation, 5 * deviation / std::sqrt(2.0 * n));
}

TEST(Churn, LeavesAloneWhatLiesOutsideItsNoiseLevels) {
  OneNode node("{type: churn, steps: 18}", {{"x", {{1, 2}, {.5f, 1}}}, {"t", {{1}, {60}}}},
               {.sections = "diffusion: {process: edm}"});
  node.forward();
  EXPECT_EQ(node.output("t").values[0], 60);
  EXPECT_EQ(node.output("x").values, std::vector<float>({.5f, 1}));
}

TEST(DenoisingStep, RefusesToStartFromTooLittleNoise) {
  OneNode node("{type: ddim_step}",
               {{"x", {{1, 2}, {1, -1}}},
                {"prediction", {{1, 2}, {0, 0}}},
                {"t", {{1}, {80}}},
                {"t_prev", {{1}, {50}}}},
               {.sections = "diffusion: {process: edm, prediction: edm}"});
  try {
    node.forward();
    FAIL() << "started from noise of deviation 1";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "x has the deviation 1, where images with the noise of t = 80 have 80 or more; prior_noise "
                 "draws what "
                 "'process' edm starts from");
  }
}

TEST(DenoisingStep, ThresholdsDynamically) {
  // |x0| of ten values 0.2 … 2.0: the quantile 0.5 lies between 1.0 and 1.2
  std::vector<float> x0(10);
  for (int i = 0; i < 10; ++i) x0[static_cast<std::size_t>(i)] = .2f * static_cast<float>(i + 1);
  OneNode node(
      "{type: ddim_step, threshold: 0.5}",
      {{"x", {{1, 10}, x0}}, {"prediction", {{1, 10}, x0}}, {"t", {{1}, {10}}}, {"t_prev", {{1}, {-1}}}},
      {.sections = "diffusion: {prediction: sample}"});
  node.forward();
  const std::vector<float> found = node.output("x0").values;
  EXPECT_NEAR(found[0], .2 / 1.1, 1e-6);
  EXPECT_NEAR(found[4], 1 / 1.1, 1e-6);
  EXPECT_NEAR(found[9], 1, 1e-6);
}

}  // namespace
}  // namespace dagfusion::tests
