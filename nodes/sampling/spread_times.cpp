// The grids of times that sampling_timesteps documents.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "nodes/diffusion/noise_process.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

constexpr double kUsualSigmaMin = 0.002, kUsualSigmaMax = 80;  // of flows, which end in no image at all
// exp(5.1): schedules such as cosine end with far more noise, in which steps would be lost (Lu et al. 2022).
constexpr double kMostUsefulNoise = 164;

template <class... Values>
[[noreturn]] void fault(fmt::format_string<Values...> text, Values&&... values) {
  throw std::invalid_argument(fmt::format(text, std::forward<Values>(values)...));
}

bool counts_timesteps(const std::string& spacing) {
  return spacing == "leading" || spacing == "linspace" || spacing == "trailing";
}

std::vector<double> even(double first, double last, int n) {
  std::vector<double> all(n);
  for (int i = 0; i < n; ++i) all[i] = n == 1 ? first : first + (last - first) * i / (n - 1);
  return all;
}

std::vector<double> of_timesteps(const std::string& spacing, int T, int n) {
  if (n > T) fault("'steps' is {}, more than the {} timesteps of section 'diffusion'", n, T);
  if (spacing == "leading") return as_times(leading_timesteps(T, n));
  return as_times(spacing == "linspace" ? linspace_timesteps(T, n) : trailing_timesteps(T, n));
}

std::vector<double> of_continuous_time(const std::string& spacing, const NoiseProcess& process, int n) {
  if (spacing == "leading")
    fault("'spacing' leading counts timesteps, which 'process' {} has not; {} is usual there", process.name(),
          process.usual_spacing());
  if (spacing == "linspace") return even(process.most(), process.sampling_end(), n);
  std::vector<double> all(n);
  for (int i = 0; i < n; ++i) all[i] = process.most() * (n - i) / n;
  return all;
}

// Where a time of the process ends the grid: its noise level, or flows' usual one.
double level(const NoiseProcess& process, double t, double usual) {
  if (process.straight()) return usual;
  const double k = process.karras_sigma(t);
  return process.level(t).alpha == 1 ? k : std::min(k, kMostUsefulNoise);
}

std::vector<double> of_noise_levels(const std::string& spacing, const NoiseProcess& process, int n,
                                    const TimeGrid& grid) {
  const double most = grid.sigma_max.value_or(level(process, process.most(), kUsualSigmaMax));
  const double least = grid.sigma_min.value_or(level(process, process.sampling_end(), kUsualSigmaMin));
  if (least >= most)
    fault("'{}' is {:.6g}, but the noise goes from {:.6g} down to {:.6g}",
          grid.sigma_min ? "sigma_min" : "sigma_max", grid.sigma_min ? least : most, most, least);
  const bool karras = spacing == "karras";
  std::vector<double> all = karras ? even(std::pow(most, 1 / grid.rho), std::pow(least, 1 / grid.rho), n)
                                   : even(std::log(most), std::log(least), n);
  for (double& k : all) k = process.time_of(karras ? std::pow(k, grid.rho) : std::exp(k));
  return all;
}

}  // namespace

std::vector<double> spread_times(const NoiseProcess& process, int n, const TimeGrid& grid) {
  const std::string spacing = grid.spacing == "auto" ? process.usual_spacing() : grid.spacing;
  std::vector<double> all = !counts_timesteps(spacing) ? of_noise_levels(spacing, process, n, grid)
                            : process.timesteps()      ? of_timesteps(spacing, process.timesteps(), n)
                                                       : of_continuous_time(spacing, process, n);
  if (grid.shift != 1)
    for (double& t : all) t = process.time_of(grid.shift * process.karras_sigma(t));
  for (std::size_t i = 1; i < all.size(); ++i)
    if (static_cast<float>(all[i]) >= static_cast<float>(all[i - 1]))
      fault("'steps' is {}, so many that two of them fall on the time {:.6g}", n, all[i]);
  return all;
}

}  // namespace dagfusion
