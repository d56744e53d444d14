// Every sampler on every noise process, without a network: data with a known denoiser have a known answer.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "nodes/sampling/timestep_list.h"
#include "tests/fixtures/exact_denoiser.h"
#include "tests/fixtures/one_node.h"

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

// A loop written by hand: one image of many numbers walks down a list of times.
class Walk {
 public:
  Walk(const std::string& section, const Mixture1d& data, std::vector<float> start)
      : process_(process_of(section)),
        data_(data),
        options_{.sections = "diffusion: " + section},
        shape_{1, static_cast<std::int64_t>(start.size())},
        x_(std::move(start)) {}

  const NoiseProcess& process() const { return *process_; }

  std::vector<float> predictions(double t, const std::vector<float>& x) const {
    std::vector<float> made;
    for (const float value : x)
      made.push_back(static_cast<float>(perfect_prediction(data_, *process_, static_cast<float>(t), value)));
    return made;
  }

  // From the first of the times to the last.
  std::vector<float> down(const std::string& sampler, const std::vector<double>& times) {
    const std::string type = sampler.substr(0, sampler.find(','));
    const bool heun = type == "heun_step", history = type.starts_with("dpmpp") || type == "unipc_step";
    std::vector<float> before(x_.size()), before2(x_.size()), start(x_.size());
    std::map<std::string, Plain> in = inputs(history, type);
    OneNode step("{type: " + sampler + ", clip: false}", in, options_);
    OneNode euler("{type: euler_step, clip: false}", inputs(false, ""), options_);
    for (std::size_t i = 0; i + 1 < times.size(); ++i) {
      const std::vector<float> prediction = predictions(times[i], x_);
      const auto give = [&](OneNode& node) {
        node.at(0, static_cast<int>(i));
        node.set_input("x", x_);
        node.set_input("prediction", prediction);
        node.set_input("t", {static_cast<float>(times[i])});
        node.set_input("t_prev", {static_cast<float>(times[i + 1])});
      };
      give(step);
      if (heun) {
        give(euler);
        euler.forward();
        const std::vector<float> guess = euler.output("prev").values;
        step.set_input("guess", guess);
        step.set_input("again",
                       times[i + 1] == process_->clean() ? prediction : predictions(times[i + 1], guess));
      }
      if (history) {
        step.set_input("x0_before", before);
        step.set_input("t_before", {static_cast<float>(times[i < 1 ? 0 : i - 1])});
        if (type != "dpmpp_2m_step") {
          step.set_input("x0_before2", before2);
          step.set_input("t_before2", {static_cast<float>(times[i < 2 ? 0 : i - 2])});
        }
        if (type == "unipc_step") step.set_input("start", start);
      }
      step.forward();
      before2 = before;
      before = step.output("x0").values;
      if (type == "unipc_step") start = step.output("corrected").values;
      x_ = step.output("prev").values;
    }
    return x_;
  }

 private:
  std::map<std::string, Plain> inputs(bool history, const std::string& type) const {
    const Plain zeros{shape_, std::vector<float>(x_.size())};
    const Plain time{{1}, {0}};
    std::map<std::string, Plain> in = {{"x", zeros}, {"prediction", zeros}, {"t", time}, {"t_prev", time}};
    if (type == "heun_step") in.insert({{"guess", zeros}, {"again", zeros}});
    if (history) in.insert({{"x0_before", zeros}, {"t_before", time}});
    if (history && type != "dpmpp_2m_step") in.insert({{"x0_before2", zeros}, {"t_before2", time}});
    if (type == "unipc_step") in.insert({"start", zeros});
    return in;
  }

  std::unique_ptr<NoiseProcess> process_;
  const Mixture1d& data_;
  OneNodeOptions options_;
  Shape shape_;
  std::vector<float> x_;
};

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
  const std::vector<float> end = Walk(section, data, start).down(sampler, list);
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
void expect_moments(const std::string& sampler, int steps, const Process& process, const Mixture1d& data) {
  SCOPED_TRACE(process.name);
  constexpr int n = 4096;
  OneNode grid("{type: sampling_timesteps, steps: " + std::to_string(steps) + "}", {},
               {.sections = "diffusion: " + std::string(process.section)});
  std::vector<double> list;
  for (int i = 0; i < steps; ++i) {
    grid.at(0, i);
    grid.forward();
    list.push_back(grid.output("t").values[0]);
  }
  const std::unique_ptr<NoiseProcess> made = process_of(process.section);
  list.push_back(made->clean());
  // Pure noise where sampling starts holds no image; where much is left, it is drawn with the image in it.
  std::vector<float> start = gaussian({1, n}, 11).values;
  const NoiseLevel top = made->level(static_cast<float>(list.front()));
  for (float& x : start)
    x = static_cast<float>(x * std::hypot(top.sigma, top.alpha * data.deviation()) + top.alpha * data.mean());
  const std::vector<float> end = Walk(process.section, data, start).down(sampler, list);
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

TEST(Solvers, EveryoneEndsInNumbersFromPureNoiseInAnyNumberOfSteps) {
  std::vector<Process> all(std::begin(kProcesses), std::end(kProcesses));
  all.push_back({"zero SNR", "{zero_terminal_snr: true, prediction: v}"});
  all.push_back({"cosine", "{schedule: cosine, prediction: v}"});
  for (const char* sampler : {"ddpm_step", "ddim_step", "ddim_step, eta: 1", "euler_step", "heun_step",
                              "dpmpp_2m_step", "dpmpp_2m_step, eta: 1", "dpmpp_3m_sde_step", "unipc_step"})
    for (const Process& process : all)
      for (const char* spacing : {"trailing", "karras"})
        for (const int steps : {1, 2, 5}) {
          SCOPED_TRACE(std::string(sampler) + ", " + process.name + ", " + spacing + ", " +
                       std::to_string(steps));
          OneNode grid(
              "{type: sampling_timesteps, steps: " + std::to_string(steps) + ", spacing: " + spacing + "}",
              {}, {.sections = "diffusion: " + std::string(process.section)});
          std::vector<double> list;
          for (int i = 0; i < steps; ++i) {
            grid.at(0, i);
            grid.forward();
            list.push_back(grid.output("t").values[0]);
          }
          const std::unique_ptr<NoiseProcess> made = process_of(process.section);
          list.push_back(made->clean());
          const auto sigma = static_cast<float>(made->level(static_cast<float>(list.front())).sigma);
          for (const float x : Walk(process.section, kTwoHeaps, {-1.3f * sigma, .1f * sigma, 1.7f * sigma})
                                   .down(sampler, list))
            ASSERT_TRUE(std::isfinite(x));
        }
}

// Golden numbers of flows: data N(0, 1/4), from x(1) = 1, exactly 1/2.
double flow_end(const std::string& sampler, int n) {
  static const Mixture1d data{{{1, 0, .5}}};
  std::vector<double> list;
  for (int i = 0; i <= n; ++i) list.push_back(1 - double(i) / n);
  list.back() = 0;
  return Walk("{process: flow, prediction: velocity}", data, {1}).down(sampler, list)[0];
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
  OneNode grid("{type: sampling_timesteps, steps: 18}", {},
               {.sections = "diffusion: {process: edm, prediction: edm}"});
  std::vector<double> list;
  for (int i = 0; i < 18; ++i) {
    grid.at(0, i);
    grid.forward();
    list.push_back(grid.output("t").values[0]);
  }
  list.push_back(0);
  const float end = Walk("{process: edm, prediction: edm}", data, {80}).down("heun_step", list)[0];
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
    const std::vector<float> one = Walk(flow, kTwoHeaps, start_flow).down(sampler, on_flow),
                             other = Walk(vp, kTwoHeaps, start_vp).down(sampler, on_vp);
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
        ends.push_back(Walk(section, kGaussian, {.4f}).down(sampler, {c.t, c.t_prev})[0]);
      }
      for (const float end : ends) EXPECT_NEAR(end, ends[0], 4e-6);
    }
}

}  // namespace
}  // namespace dagfusion::tests
