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
//   on noise levels k = sigma / alpha, from k0 = sigma_max to k1 = sigma_min; t is the time with that noise
//   (k0 at most 164 where images shrink as noise grows: cosine schedules end with far more, in which steps are lost):
//   karras       k = (k0^(1/rho) + i / (n - 1) * (k1^(1/rho) - k0^(1/rho)))^rho
//   exponential  ln k = ln k0 … ln k1 in even steps; log_snr is the same
//
// auto: leading (discrete), linspace (vp), exponential (ve), karras (edm), trailing (flow).
// strength: of the n times only the last round(strength * n), for images that start as another image's noise.
// reverse: from clean to noisy, n - 1 iterations from t to t_next.
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

std::vector<double> listed(Setup& setup, const NoiseProcess& process) {
  const std::vector<double> list = setup.parameters().reals("list");
  if (list.empty()) setup.fail_at("list", "'list' is empty; it names a time for each step");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!process.has(list[i]))
      setup.fail_at("list", i,
                    fmt::format("'list' holds {}, but the times of 'process' {} go from {} to {}", list[i],
                                process.name(), process.least(), process.most()));
    if (i > 0 && list[i] >= list[i - 1])
      setup.fail_at("list", i,
                    fmt::format("'list' holds {} after {}; noise is taken away, so it must fall", list[i],
                                list[i - 1]));
  }
  return list;
}

std::vector<double> spread(Setup& setup) {
  TimeGrid grid{.spacing = setup.text("spacing"), .rho = setup.real("rho"), .shift = setup.real("shift")};
  if (setup.has("sigma_min")) grid.sigma_min = setup.real("sigma_min");
  if (setup.has("sigma_max")) grid.sigma_max = setup.real("sigma_max");
  return spread_times(setup, grid);
}

// From noisy to clean.
std::vector<double> times(Setup& setup) {
  const auto& process = setup.resource<NoiseProcess>("diffusion");
  std::vector<double> all = setup.has("list") ? listed(setup, process) : spread(setup);
  const auto kept = std::max<std::ptrdiff_t>(1, std::llround(setup.real("strength") * double(all.size())));
  all.erase(all.begin(), all.end() - kept);
  return all;
}

class SamplingTimesteps final : public TimestepList {
 public:
  explicit SamplingTimesteps(Setup& setup) : TimestepList(setup, dagfusion::times(setup)) {}
};

class RisingTimesteps final : public TimestepList {
 public:
  explicit RisingTimesteps(Setup& setup) : RisingTimesteps(setup, rising(setup)) {}

 private:
  RisingTimesteps(Setup& setup, std::vector<double> all)
      : TimestepList(setup, {all.begin(), all.end() - 1},
                     cleaner_of_rising({all.begin(), all.end() - 1},
                                       setup.resource<NoiseProcess>("diffusion").clean()),
                     {all.begin() + 1, all.end()}) {}

  static std::vector<double> rising(Setup& setup) {
    std::vector<double> all = dagfusion::times(setup);
    if (all.size() < 2)
      setup.fail_at("steps",
                    fmt::format("'steps' is {}; from clean to noisy it takes 2 times or more", all.size()));
    std::reverse(all.begin(), all.end());
    return all;
  }
};

std::unique_ptr<Times> make_times(Setup& setup) {
  if (setup.flag("reverse")) return std::make_unique<RisingTimesteps>(setup);
  return std::make_unique<SamplingTimesteps>(setup);
}

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
           {.name = "strength",
            .kind = Kind::real,
            .doc = "share of the steps that are walked, from the clean end",
            .standard = 1.0,
            .minimum = 0,
            .maximum = 1,
            .above_minimum = true},
           {.name = "reverse",
            .kind = Kind::boolean,
            .doc = "from clean to noisy: t, and t_next",
            .standard = false},
           {.name = "list",
            .kind = Kind::reals,
            .doc = "the times themselves, falling, in place of all that"}},
      .counts_iterations = true,
      .create = make_times};
}

}  // namespace dagfusion
