// Section `diffusion`: how images turn into noise, and what the model predicts.
#include "nodes/diffusion/noise_process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

// The keys that some processes have and others have not.
struct OwnKeys {
  std::string process;
  std::vector<std::string> keys;
};
const std::vector<OwnKeys>& own_keys() {
  static const std::vector<OwnKeys> all = {
      {"discrete",
       {"schedule", "timesteps", "beta_start", "beta_end", "betas", "zero_terminal_snr", "variance"}},
      {"vp", {"beta_minimum", "beta_growth"}},
      {"ve", {"sigma_min", "sigma_max"}},
      {"edm", {"sigma_min", "sigma_max"}},
      {"flow", {"time_scale"}}};
  return all;
}

void refuse_keys_of_others(const Parameters& given) {
  const std::string& process = given.text("process");
  std::vector<std::string> own;
  for (const OwnKeys& of : own_keys())
    if (of.process == process) own = of.keys;
  for (const OwnKeys& of : own_keys())
    for (const std::string& key : of.keys) {
      if (std::find(own.begin(), own.end(), key) != own.end()) continue;
      if (!given.has(key) || !given.written(key, given.setting(key))) continue;
      given.fail(key, fmt::format("'{}' is a key of 'process' {}, but 'process' is {}, whose own are {}", key,
                                  of.process, process, fmt::join(own, ", ")));
    }
}

std::unique_ptr<NoiseProcess> make_process(const Parameters& given) {
  refuse_keys_of_others(given);
  const std::string& process = given.text("process");
  if (process == "vp") return vp_process(given);
  if (process == "ve") return ve_process(given);
  if (process == "edm") return edm_process(given);
  return process == "flow" ? flow_process(given) : discrete_process(given);
}

}  // namespace

NoiseProcess::NoiseProcess(const Parameters& given)
    : name_(given.text("process")),
      prediction_{prediction_named(given.text("prediction")), given.real("sigma_data")} {}

double NoiseProcess::snr(double t) const {
  const auto [alpha, sigma] = level(t);
  return alpha * alpha / (sigma * sigma);
}

double NoiseProcess::karras_sigma(double t) const {
  const auto [alpha, sigma] = level(t);
  return sigma / alpha;
}

NoiseProcess::Transition NoiseProcess::between(double s, double t) const {
  const NoiseLevel from = level(t), to = level(s);
  const double ratio = from.alpha / to.alpha, all = from.sigma * from.sigma, left = to.sigma * to.sigma;
  const double added = all - ratio * ratio * left;
  return {.from_x = ratio * left / all,
          .from_x0 = to.alpha * added / all,
          .variance = added * left / all,
          .added = added};
}

double NoiseProcess::largest_noise() const {
  const auto [alpha, sigma] = level(most());
  return alpha == 1 ? sigma : 1;
}

double NoiseProcess::time(float t) const {
  if (!has(t))
    throw std::runtime_error(
        fmt::format("t is {}, but the times of 'process' {} go from {} to {}", t, name_, least(), most()));
  return t;
}

std::vector<Resource::ModelInput> NoiseProcess::before_model() const {
  std::vector<ModelInput> found;
  if (scales_input()) found.push_back({"x", "network_input"});
  if (maps_time()) found.push_back({"t", "network_time"});
  return found;
}

NoiseLevel variance_preserving(double karras_sigma) {
  if (std::isinf(karras_sigma)) return {0, 1};
  const double n = std::hypot(1, karras_sigma);
  return {1 / n, karras_sigma / n};
}

SectionType diffusion() {
  return {
      .name = "diffusion",
      .summary = "How images turn into noise over time, and what the model predicts.",
      .parameters =
          {{.name = "process",
            .kind = Kind::choice,
            .doc =
                "discrete: T timesteps of a schedule (DDPM); vp, ve: the same in continuous time, preserving "
                "or exploding the variance; edm: noise is added at levels sigma; flow: straight lines from "
                "image to noise",
            .standard = std::string("discrete"),
            .choices = {"discrete", "vp", "ve", "edm", "flow"}},
           {.name = "prediction",
            .kind = Kind::choice,
            .doc = "what the model gives: the noise, the clean image, their mixture v, the velocity noise - "
                   "image, or the F of EDM's preconditioning",
            .standard = std::string("epsilon"),
            .choices = prediction_names()},
           {.name = "sigma_data",
            .kind = Kind::real,
            .doc =
                "standard deviation of clean images, for `prediction: edm`, `process: edm` and loss weights",
            .standard = 0.5,
            .minimum = 0,
            .above_minimum = true},
           {.name = "variance",
            .kind = Kind::choice,
            .doc = "discrete: of the model's steps: fixed, or learned with twice the channels: its logarithm "
                   "(learned) or "
                   "where that lies between beta and beta of the posterior (learned_range)",
            .standard = std::string("fixed"),
            .choices = {"fixed", "learned", "learned_range"}},
           {.name = "schedule",
            .kind = Kind::choice,
            .doc = "discrete: how beta, the noise added by each timestep, grows; scaled_linear is quadratic, "
                   "sigmoid is sigmoid_chen",
            .standard = std::string("linear"),
            .choices = {"linear", "linear_by_timesteps", "quadratic", "scaled_linear", "cosine", "sigmoid",
                        "sigmoid_chen", "sigmoid_geodiff", "laplace", "exponential", "warmup10", "warmup50",
                        "const", "jsd"}},
           {.name = "timesteps",
            .doc = "discrete: T; timestep 0 has the least noise, T - 1 the most",
            .standard = std::int64_t{1000},
            .minimum = 2,
            .maximum = 1000000},
           {.name = "beta_start",
            .kind = Kind::real,
            .doc = "discrete: beta of the first timestep; schedules given by alpha_bar, const and jsd do not "
                   "use it",
            .standard = 1e-4,
            .minimum = 0,
            .maximum = 1,
            .above_minimum = true},
           {.name = "beta_end",
            .kind = Kind::real,
            .doc = "discrete: beta of the last timestep; schedules given by alpha_bar and jsd do not use it",
            .standard = 0.02,
            .minimum = 0,
            .maximum = 0.999,
            .above_minimum = true},
           {.name = "betas",
            .kind = Kind::reals,
            .doc = "discrete: beta of each timestep, in place of a schedule",
            .minimum = 0,
            .maximum = 1,
            .above_minimum = true},
           {.name = "zero_terminal_snr",
            .kind = Kind::boolean,
            .doc = "discrete: rescale the schedule so that the last timestep is pure noise",
            .standard = false},
           {.name = "beta_minimum",
            .kind = Kind::real,
            .doc = "vp: rate of the noise at t = 0",
            .standard = 0.1,
            .minimum = 0,
            .above_minimum = true},
           {.name = "beta_growth",
            .kind = Kind::real,
            .doc = "vp: by how much that rate has grown at t = 1",
            .standard = 19.9,
            .minimum = 0,
            .above_minimum = true},
           {.name = "sigma_min",
            .kind = Kind::real,
            .doc = "ve, edm: least noise; 0.02 and 0.002 when not given",
            .minimum = 0,
            .above_minimum = true},
           {.name = "sigma_max",
            .kind = Kind::real,
            .doc = "ve, edm: most noise; 100 and 80 when not given",
            .minimum = 0,
            .above_minimum = true},
           {.name = "time_scale",
            .kind = Kind::real,
            .doc = "flow: what the network sees is this times t; 1000 as most do, or 1",
            .standard = 1000.0,
            .minimum = 0,
            .above_minimum = true}},
      .create = make_process};
}

}  // namespace dagfusion
