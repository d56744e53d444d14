// Every sampler on every noise process, without a network: data with a known denoiser have a known answer.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/exact_denoiser.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

const Mixture1d kGaussian{{{1, .2, .5}}};
const Mixture1d kTwoHeaps{{{.4, -.6, .2}, {.6, .5, .3}}};

struct Process {
  const char* name;
  const char* section;
};
const Process kProcesses[] = {{"discrete", "{process: discrete, schedule: linear, prediction: epsilon}"},
                              {"vp", "{process: vp, prediction: v}"},
                              {"ve", "{process: ve, prediction: sample}"},
                              {"edm", "{process: edm, prediction: edm}"},
                              {"flow", "{process: flow, prediction: velocity}"}};

// With a perfect model of the data.
std::vector<float> walk(const std::string& section, const Mixture1d& data, std::vector<float> start,
                        const std::string& sampler, const std::vector<double>& times,
                        const std::string& churn = "") {
  const std::unique_ptr<NoiseProcess> process = process_of(section);
  const auto perfect = [&](double t, double x) { return perfect_prediction(data, *process, t, x); };
  return SamplerWalk({.sections = "diffusion: " + section}, perfect, std::move(start))
      .down(sampler, times, churn);
}

// What sampling_timesteps gives, and the clean image's time at the end.
std::vector<double> grid(const std::string& section, const std::string& parameters) {
  const std::vector<float> times = iterations_of("{type: sampling_timesteps, " + parameters + "}", "t",
                                                 {.sections = "diffusion: " + section});
  std::vector<double> list(times.begin(), times.end());
  list.push_back(process_of(section)->clean());
  return list;
}

// From noise level 3 down to 0.3, in n steps that are even in the coordinate in which the sampler is stated.
std::vector<double> times(const NoiseProcess& process, int n, bool logarithmic) {
  std::vector<double> all;
  const double top = 3, bottom = .3;
  const bool straight = process.straight() && !logarithmic;
  for (int i = 0; i <= n; ++i) {
    const double u = double(i) / n;
    if (straight) {
      const double a = top / (1 + top), b = bottom / (1 + bottom);
      all.push_back(a + (b - a) * u);
    } else {
      all.push_back(
          process.time_of(logarithmic ? top * std::pow(bottom / top, u) : top + (bottom - top) * u));
    }
  }
  return all;
}

// The largest error of n steps, over values from all over the distribution.
double error(const std::string& section, const Mixture1d& data, const std::string& sampler, int n,
             bool logarithmic) {
  const std::unique_ptr<NoiseProcess> process = process_of(section);
  const std::vector<double> list = times(*process, n, logarithmic);
  const NoiseLevel from = process->level(static_cast<float>(list.front())),
                   to = process->level(static_cast<float>(list.back()));
  std::vector<float> start;
  for (int i = -6; i <= 6; ++i)
    start.push_back(static_cast<float>(from.alpha * .1 + i * .25 * std::hypot(from.alpha * .5, from.sigma)));
  const std::vector<float> end = walk(section, data, start, sampler, list);
  double worst = 0;
  for (std::size_t i = 0; i < start.size(); ++i)
    worst =
        std::max(worst, std::abs(end[i] - data.carried(start[i], from, to)) / std::hypot(to.alpha, to.sigma));
  return worst;
}

// Halving the steps divides the error by 2^order, as closely as the next order allows.
void expect_order(const std::string& sampler, double order, int n, bool logarithmic,
                  const std::vector<const Mixture1d*>& all_data = {&kGaussian, &kTwoHeaps}) {
  for (const Process& process : kProcesses)
    for (const Mixture1d* data : all_data) {
      SCOPED_TRACE(std::string(process.name) + (data == &kGaussian ? ", one heap" : ", two heaps"));
      const double coarse = error(process.section, *data, sampler, n, logarithmic);
      const double fine = error(process.section, *data, sampler, 2 * n, logarithmic);
      EXPECT_NEAR(std::log2(coarse / fine), order, .3 * order) << coarse << " -> " << fine;
      EXPECT_LT(fine, order == 1 ? .05 : .005);
    }
}

TEST(Solvers, DdimIsOfFirstOrder) { expect_order("ddim_step", 1, 32, true); }
TEST(Solvers, EulerIsOfFirstOrder) { expect_order("euler_step", 1, 32, true); }
TEST(Solvers, HeunIsOfSecondOrder) { expect_order("heun_step", 2, 32, true); }
TEST(Solvers, Dpmpp2mIsOfSecondOrder) { expect_order("dpmpp_2m_step", 2, 32, true); }
// On one heap its error is that of float32 already with 16 steps.
TEST(Solvers, Dpmpp2mOfHeunIsOfSecondOrder) {
  expect_order("dpmpp_2m_step, solver: heun", 2, 32, true, {&kTwoHeaps});
}
// In the steps in which it is stated: even in sigma / alpha, or in the time of a flow. The first one is Euler's, and alone
// leaves an error of second order.
TEST(Solvers, LmsIsOfTheOrderItIsTold) {
  expect_order("lms_step, order: 1", 1, 32, false);
  expect_order("lms_step, order: 2", 2, 32, false);
}
TEST(Solvers, LmsOfThirdOrderIsOfSecondOrderOrBetter) {
  for (const Process& process : kProcesses)
    for (const Mixture1d* data : {&kGaussian, &kTwoHeaps}) {
      SCOPED_TRACE(std::string(process.name) + (data == &kGaussian ? ", one heap" : ", two heaps"));
      const double coarse = error(process.section, *data, "lms_step", 32, true);
      const double fine = error(process.section, *data, "lms_step", 64, true);
      EXPECT_GT(std::log2(coarse / fine), 1.5) << coarse << " -> " << fine;
      EXPECT_LT(fine, .005);
    }
}
TEST(Solvers, LmsOnAFlowIsAdamsBashforth) {
  // Even steps of 1/10 from t = 0.5 with the velocities 0.7, 0.4 and 0.2: x - (23 * 0.7 - 16 * 0.4 + 5 * 0.2) / 120.
  OneNode step("{type: lms_step, clip: false}",
               {{"x", {{1, 1}, {.5f}}},
                {"prediction", {{1, 1}, {.7f}}},
                {"slope_before", {{1, 1}, {.4f}}},
                {"slope_before2", {{1, 1}, {.2f}}},
                {"t", {{1}, {.5f}}},
                {"t_prev", {{1}, {.4f}}},
                {"t_before", {{1}, {.6f}}},
                {"t_before2", {{1}, {.7f}}}},
               {.sections = "diffusion: {process: flow, prediction: velocity}"});
  step.forward();
  EXPECT_NEAR(step.output("prev").values[0], .5 - 10.7 / 120, 1e-6);
  EXPECT_NEAR(step.output("slope").values[0], .7, 1e-6);
  step.set_input("t_before2", {.6f});  // the history is one step long: (3 * 0.7 - 0.4) / 20
  step.forward();
  EXPECT_NEAR(step.output("prev").values[0], .5 - 1.7 / 20, 1e-6);
  step.set_input("t_before", {.5f});  // the first iteration
  step.set_input("t_before2", {.5f});
  step.forward();
  EXPECT_NEAR(step.output("prev").values[0], .43, 1e-6);
}
TEST(Solvers, UnipcIsOfSecondOrderOrBetter) {
  for (const Process& process : kProcesses)
    for (const Mixture1d* data : {&kGaussian, &kTwoHeaps}) {
      SCOPED_TRACE(std::string(process.name) + (data == &kGaussian ? ", one heap" : ", two heaps"));
      const double coarse = error(process.section, *data, "unipc_step", 16, true);
      const double fine = error(process.section, *data, "unipc_step", 32, true);
      EXPECT_GT(std::log2(coarse / fine), 1.5) << coarse << " -> " << fine;
      EXPECT_LT(fine, .003);
    }
}

// With fresh noise: many values from pure noise, whose mean and deviation must be those of the data.
void expect_moments(const std::string& sampler, int steps, const Process& process, const Mixture1d& data,
                    const std::string& churn = "") {
  SCOPED_TRACE(process.name);
  constexpr int n = 4096;
  const std::vector<double> list = grid(process.section, "steps: " + std::to_string(steps));
  const std::unique_ptr<NoiseProcess> made = process_of(process.section);
  // Pure noise where sampling starts holds no image; where much is left, it is drawn with the image in it.
  std::vector<float> start = gaussian({1, n}, 11).values;
  const NoiseLevel top = made->level(static_cast<float>(list.front()));
  for (float& x : start)
    x = static_cast<float>(x * std::hypot(top.sigma, top.alpha * data.deviation()) + top.alpha * data.mean());
  const std::vector<float> end = walk(process.section, data, start, sampler, list, churn);
  double mean = 0, square = 0;
  for (const double x : end) mean += x / n;
  for (const double x : end) square += (x - mean) * (x - mean) / n;
  const double deviation = data.deviation();
  EXPECT_NEAR(mean, data.mean(), 3 * deviation / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(square), deviation, 3 * deviation / std::sqrt(2.0 * n) + .01 * deviation);
}

TEST(Solvers, SamplersWithFreshNoiseKeepMeanAndVariance) {
  for (const char* sampler : {"ddpm_step", "ddim_step, eta: 1", "euler_step, eta: 1"}) {
    SCOPED_TRACE(sampler);
    for (const Process& process : kProcesses) expect_moments(sampler, 1000, process, kGaussian);
  }
  for (const char* sampler : {"dpmpp_2m_step, eta: 1", "dpmpp_3m_sde_step"}) {
    SCOPED_TRACE(sampler);
    for (const Process& process : kProcesses) expect_moments(sampler, 200, process, kGaussian);
  }
}

TEST(Solvers, HeunWithChurnKeepsMeanAndVariance) {
  for (const Process& process : kProcesses) {
    expect_moments("heun_step", 200, process, kGaussian, "steps: 200, amount: 40, noise: 1");
    expect_moments("heun_step", 200, process, kTwoHeaps, "steps: 200, amount: 40, noise: 1");
  }
}

TEST(Solvers, EveryoneEndsInNumbersFromPureNoiseInAnyNumberOfSteps) {
  std::vector<Process> all(std::begin(kProcesses), std::end(kProcesses));
  all.push_back({"zero SNR", "{zero_terminal_snr: true, prediction: v}"});
  all.push_back({"cosine", "{schedule: cosine, prediction: v}"});
  for (const char* sampler :
       {"ddpm_step", "ddim_step", "ddim_step, eta: 1", "euler_step", "heun_step", "dpmpp_2m_step",
        "dpmpp_2m_step, eta: 1", "dpmpp_3m_sde_step", "unipc_step", "lms_step"})
    for (const Process& process : all)
      for (const char* spacing : {"trailing", "karras"})
        for (const int steps : {1, 2, 5}) {
          SCOPED_TRACE(std::string(sampler) + ", " + process.name + ", " + spacing + ", " +
                       std::to_string(steps));
          const std::vector<double> list =
              grid(process.section, "steps: " + std::to_string(steps) + ", spacing: " + spacing);
          const std::unique_ptr<NoiseProcess> made = process_of(process.section);
          const auto sigma = static_cast<float>(made->level(static_cast<float>(list.front())).sigma);
          for (const float x :
               walk(process.section, kTwoHeaps, {-1.3f * sigma, .1f * sigma, 1.7f * sigma}, sampler, list))
            ASSERT_TRUE(std::isfinite(x));
        }
}

// Golden numbers of flows: data N(0, 1/4), from x(1) = 1, exactly 1/2.
double flow_end(const std::string& sampler, int n) {
  static const Mixture1d data{{{1, 0, .5}}};
  std::vector<double> list;
  for (int i = 0; i <= n; ++i) list.push_back(1 - double(i) / n);
  list.back() = 0;
  return walk("{process: flow, prediction: velocity}", data, {1}, sampler, list)[0];
}

TEST(Solvers, EulerOnAFlowAgreesWithTheGoldenNumbers) {
  for (const auto& [n, golden] :
       {std::pair{1, 0.}, {2, .2}, {4, .3405405405}, {10, .4307826049}, {50, .4853967383}})
    EXPECT_NEAR(flow_end("euler_step", n), golden, 1e-6);
}

TEST(Solvers, HeunOnAFlowAgreesWithTheGoldenNumbers) {
  for (const auto& [n, golden] : {std::pair{2, .24}, {4, .4327154533}, {10, .4908129576}, {50, .499680905}})
    EXPECT_NEAR(flow_end("heun_step", n), golden, 1e-6);
}

TEST(Solvers, HeunOfEdmAgreesWithTheGoldenNumber) {
  static const Mixture1d data{{{1, 0, .5}}};
  const std::string section = "{process: edm, prediction: edm}";
  const float end = walk(section, data, {80}, "heun_step", grid(section, "steps: 18"))[0];
  EXPECT_NEAR(end, .527624637, 2e-6);
}

TEST(Solvers, Dpmpp2mAgreesWithTheGoldenNumbers) {
  // 549 -> 500 with x = .5, m0 = .2, then 500 -> 450 with m0 = .3
  OneNode step("{type: dpmpp_2m_step}",
               {{"x", {{1, 1}, {.5f}}},
                {"prediction", {{1, 1}, {.2f}}},
                {"t", {{1}, {549}}},
                {"t_prev", {{1}, {500}}},
                {"x0_before", {{1, 1}, {0}}},
                {"t_before", {{1}, {549}}}},
               {.sections = "diffusion: {schedule: linear, prediction: sample}"});
  step.forward();
  EXPECT_NEAR(step.output("prev").values[0], .5051517187, 1e-7);
  step.set_input("x", step.output("prev").values);
  step.set_input("prediction", {.3f});
  step.set_input("t", {500});
  step.set_input("t_prev", {450});
  step.set_input("x0_before", {.2f});
  step.set_input("t_before", {549});
  step.forward();
  EXPECT_NEAR(step.output("prev").values[0], .5207854754, 2e-7);
}

TEST(Solvers, AFlowAndTheVariancePreservingProcessLeadToTheSameImages) {
  // The same noise levels, the same denoiser: x_vp = x_flow / sqrt((1-t)^2 + t^2) all along.
  const std::string flow = "{process: flow, prediction: velocity}", vp = "{process: vp, prediction: v}";
  for (const char* sampler : {"ddim_step", "dpmpp_2m_step"}) {
    SCOPED_TRACE(sampler);
    std::vector<double> on_flow, on_vp;
    for (int i = 0; i <= 20; ++i) {
      const double k = 50 * std::pow(.01 / 50, i / 20.0);
      on_flow.push_back(process_of(flow)->time_of(k));
      on_vp.push_back(process_of(vp)->time_of(k));
    }
    on_flow.push_back(0);
    on_vp.push_back(0);
    const NoiseLevel a = process_of(flow)->level(on_flow[0]), b = process_of(vp)->level(on_vp[0]);
    std::vector<float> start_flow, start_vp;
    for (int i = -5; i <= 5; ++i) {
      start_flow.push_back(static_cast<float>(i * .3 * a.sigma));
      start_vp.push_back(static_cast<float>(i * .3 * b.sigma));
    }
    const std::vector<float> one = walk(flow, kTwoHeaps, start_flow, sampler, on_flow),
                             other = walk(vp, kTwoHeaps, start_vp, sampler, on_vp);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], other[i], 2e-5);
  }
}

TEST(Solvers, AllKindsOfPredictionOfOneCleanImageGiveTheSameStep) {
  struct Case {
    const char* process;
    double t, t_prev;
  };
  for (const Case& c :
       {Case{"discrete", 500, 480}, {"vp", .5, .45}, {"ve", 2, 1.5}, {"edm", 2, 1.5}, {"flow", .6, .5}})
    for (const char* sampler : {"ddpm_step", "ddim_step", "euler_step"}) {
      SCOPED_TRACE(std::string(c.process) + ", " + sampler);
      std::vector<float> ends;
      for (const char* prediction : {"epsilon", "sample", "v", "velocity", "edm"}) {
        const std::string section =
            std::string("{process: ") + c.process + ", prediction: " + prediction + "}";
        ends.push_back(walk(section, kGaussian, {.4f}, sampler, {c.t, c.t_prev})[0]);
      }
      for (const float end : ends) EXPECT_NEAR(end, ends[0], 4e-6);
    }
}

}  // namespace
}  // namespace dagfusion::tests
