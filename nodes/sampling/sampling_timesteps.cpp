// sampling_timesteps: the times of a sampling loop of any noise process, from noisy to clean.
// leading, linspace, trailing: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
// arXiv:2305.08891, table 2; karras: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative
// Models", arXiv:2206.00364, eq. 5; exponential: Lu et al. 2022, arXiv:2211.01095 (even in ln SNR).
//
//   n steps, i = 0 … n - 1, of T timesteps (process discrete):
//   leading      t = (n - 1 - i) * floor(T / n)
//   linspace     t = round((n - 1 - i) * (T - 1) / (n - 1))
//   trailing     t = round((n - i) * T / n) - 1
//   of a continuous time from `most` down:
//   linspace     most … end in even steps, end = 0.001 (flow, vp) or sigma_min
//   trailing     t = most * (n - i) / n
//   on noise levels k = sigma / alpha, from k0 = sigma_max to k1 = sigma_min; t is the time with that noise:
//   karras       k = (k0^(1/rho) + i / (n - 1) * (k1^(1/rho) - k0^(1/rho)))^rho
//   exponential  ln k = ln k0 … ln k1 in even steps; log_snr is the same
//
// auto: leading (discrete), linspace (vp), exponential (ve), karras (edm), trailing (flow).
// shift s multiplies k of every time, as flows do for large images (Esser et al. 2024, arXiv:2403.03206, eq. 23).
// t, t_prev: [N], the same for all images; t_prev is the t of the next iteration, the clean image's in the last.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

constexpr double kUsualSigmaMin = 0.002, kUsualSigmaMax = 80;  // where a process ends in no image at all

class Grid {
 public:
  explicit Grid(Setup& setup)
      : setup_(setup),
        process_(setup.resource<NoiseProcess>("diffusion")),
        spacing_(setup.text("spacing") == "auto" ? process_.usual_spacing() : setup.text("spacing")) {}

  std::vector<double> times() const {
    if (setup_.has("list")) return listed();
    std::vector<double> all = spaced(steps());
    if (const double shift = setup_.real("shift"); shift != 1)
      for (double& t : all) t = process_.time_of(shift * process_.karras_sigma(t));
    for (std::size_t i = 1; i < all.size(); ++i)
      if (static_cast<float>(all[i]) >= static_cast<float>(all[i - 1]))
        setup_.fail_at("steps", fmt::format("'steps' is {}, so many that two of them fall on the time {:.6g}",
                                            all.size(), all[i]));
    return all;
  }

 private:
  int steps() const {
    const std::int64_t steps = setup_.integer("steps");
    if (process_.timesteps() && on_timesteps() && steps > process_.timesteps())
      setup_.fail_at("steps", fmt::format("'steps' is {}, more than the {} timesteps of section 'diffusion'",
                                          steps, process_.timesteps()));
    return static_cast<int>(steps);
  }

  bool on_timesteps() const {
    return spacing_ == "leading" || spacing_ == "linspace" || spacing_ == "trailing";
  }

  std::vector<double> listed() const {
    const std::vector<double> list = setup_.parameters().reals("list");
    if (list.empty()) setup_.fail_at("list", "'list' is empty; it names a time for each step");
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!process_.has(list[i]))
        setup_.fail_at("list", i,
                       fmt::format("'list' holds {}, but the times of 'process' {} go from {} to {}", list[i],
                                   process_.name(), process_.least(), process_.most()));
      if (i > 0 && list[i] >= list[i - 1])
        setup_.fail_at("list", i,
                       fmt::format("'list' holds {} after {}; noise is taken away, so it must fall", list[i],
                                   list[i - 1]));
    }
    return list;
  }

  std::vector<double> spaced(int n) const {
    if (!on_timesteps()) return on_noise_levels(n);
    if (const int T = process_.timesteps()) {
      if (spacing_ == "leading") return as_times(leading_timesteps(T, n));
      return as_times(spacing_ == "linspace" ? linspace_timesteps(T, n) : trailing_timesteps(T, n));
    }
    if (spacing_ == "leading")
      setup_.fail_at("spacing",
                     fmt::format("'spacing' leading counts timesteps, which 'process' {} has not; {} is "
                                 "usual there",
                                 process_.name(), process_.usual_spacing()));
    const double most = process_.most();
    if (spacing_ == "linspace") return even(most, process_.sampling_end(), n);
    std::vector<double> all(n);
    for (int i = 0; i < n; ++i) all[i] = most * (n - i) / n;
    return all;
  }

  static std::vector<double> even(double first, double last, int n) {
    std::vector<double> all(n);
    for (int i = 0; i < n; ++i) all[i] = n == 1 ? first : first + (last - first) * i / (n - 1);
    return all;
  }

  std::vector<double> on_noise_levels(int n) const {
    const double most = level("sigma_max", process_.most(), kUsualSigmaMax);
    const double least = level("sigma_min", process_.sampling_end(), kUsualSigmaMin);
    if (least >= most)
      setup_.fail_at(setup_.has("sigma_min") ? "sigma_min" : "sigma_max",
                     fmt::format("'sigma_min' is {:.6g}, not below 'sigma_max' {:.6g}", least, most));
    const double rho = setup_.real("rho");
    const bool karras = spacing_ == "karras";
    std::vector<double> all = karras ? even(std::pow(most, 1 / rho), std::pow(least, 1 / rho), n)
                                     : even(std::log(most), std::log(least), n);
    for (double& k : all) k = process_.time_of(karras ? std::pow(k, rho) : std::exp(k));
    return all;
  }

  // Where a time of the process ends the grid: its noise level, unless that is infinite, or flows' usual one.
  double level(const char* key, double t, double usual) const {
    if (setup_.has(key)) return setup_.real(key);
    const double k = process_.karras_sigma(t);
    return process_.straight() || !std::isfinite(k) ? usual : k;
  }

  Setup& setup_;
  const NoiseProcess& process_;
  const std::string spacing_;
};

class SamplingTimesteps final : public TimestepList {
 public:
  explicit SamplingTimesteps(Setup& setup) : TimestepList(setup, Grid(setup).times()) {}
};

}  // namespace

NodeType sampling_timesteps() {
  return {
      .name = "sampling_timesteps",
      .summary = "The times of a sampling loop of any noise process, from noisy to clean.",
      .stands_for = {"sampling_times"},
      .paper = "Karras et al. 2022, arXiv:2206.00364, eq. 5; Lin et al. 2023, arXiv:2305.08891, table 2",
      .example = "{type: sampling_timesteps, steps: 50}",
      .outputs = TimestepList::ports(),
      .parameters =
          {{.name = "steps", .doc = "iterations of the loop", .standard = std::int64_t{50}, .minimum = 1},
           {.name = "spacing",
            .kind = Kind::choice,
            .doc = "how they are spread; auto is what is usual for the noise process",
            .standard = std::string("auto"),
            .choices = {"auto", "leading", "linspace", "trailing", "karras", "exponential", "log_snr"}},
           {.name = "rho",
            .kind = Kind::real,
            .doc = "karras: how much denser the steps are near the clean image",
            .standard = 7.0,
            .minimum = 0,
            .above_minimum = true},
           {.name = "sigma_min",
            .kind = Kind::real,
            .doc = "karras, exponential: noise sigma / alpha of the last step; the process's when not given",
            .minimum = 0,
            .above_minimum = true},
           {.name = "sigma_max",
            .kind = Kind::real,
            .doc = "karras, exponential: noise sigma / alpha of the first step; the process's when not given",
            .minimum = 0,
            .above_minimum = true},
           {.name = "shift",
            .kind = Kind::real,
            .doc = "factor on the noise sigma / alpha of all times",
            .standard = 1.0,
            .minimum = 0,
            .above_minimum = true},
           {.name = "list",
            .kind = Kind::reals,
            .doc = "the times themselves, falling, in place of all that"}},
      .counts_iterations = true,
      .create = make_node<SamplingTimesteps>};
}

}  // namespace dagfusion
