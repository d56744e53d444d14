// The grids of times that sampling_timesteps documents.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/diffusion/noise_process.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

constexpr double kUsualSigmaMin = 0.002, kUsualSigmaMax = 80;  // of flows, which end in no image at all

std::vector<double> even(double first, double last, int n) {
  std::vector<double> all(n);
  for (int i = 0; i < n; ++i) all[i] = n == 1 ? first : first + (last - first) * i / (n - 1);
  return all;
}

class Spread {
 public:
  Spread(Setup& setup, const TimeGrid& grid)
      : setup_(setup),
        process_(setup.resource<NoiseProcess>("diffusion")),
        grid_(grid),
        spacing_(grid.spacing == "auto" ? process_.usual_spacing() : grid.spacing),
        n_(static_cast<int>(setup.integer("steps"))) {}

  std::vector<double> times() const {
    std::vector<double> all = !counts_timesteps()    ? on_noise_levels()
                              : process_.timesteps() ? on_timesteps()
                                                     : on_continuous_time();
    if (grid_.shift != 1)
      for (double& t : all) t = process_.time_of(grid_.shift * process_.karras_sigma(t));
    for (std::size_t i = 1; i < all.size(); ++i)
      if (static_cast<float>(all[i]) >= static_cast<float>(all[i - 1]))
        setup_.fail_at("steps", fmt::format("'steps' is {}, so many that two of them fall on the time {:.6g}",
                                            n_, all[i]));
    return all;
  }

 private:
  bool counts_timesteps() const {
    return spacing_ == "leading" || spacing_ == "linspace" || spacing_ == "trailing";
  }

  std::vector<double> on_timesteps() const {
    const int T = process_.timesteps();
    if (n_ > T)
      setup_.fail_at("steps",
                     fmt::format("'steps' is {}, more than the {} timesteps of section 'diffusion'", n_, T));
    if (spacing_ == "leading") return as_times(leading_timesteps(T, n_));
    return as_times(spacing_ == "linspace" ? linspace_timesteps(T, n_) : trailing_timesteps(T, n_));
  }

  std::vector<double> on_continuous_time() const {
    if (spacing_ == "leading")
      setup_.fail_at("spacing", fmt::format("'spacing' leading counts timesteps, which 'process' {} has not; "
                                            "{} is usual there",
                                            process_.name(), process_.usual_spacing()));
    const double most = process_.most();
    if (spacing_ == "linspace") return even(most, process_.sampling_end(), n_);
    std::vector<double> all(n_);
    for (int i = 0; i < n_; ++i) all[i] = most * (n_ - i) / n_;
    return all;
  }

  std::vector<double> on_noise_levels() const {
    const double most = grid_.sigma_max.value_or(level(process_.most(), kUsualSigmaMax));
    const double least = grid_.sigma_min.value_or(level(process_.sampling_end(), kUsualSigmaMin));
    if (least >= most) {
      const char* key = grid_.sigma_min ? "sigma_min" : "sigma_max";
      setup_.fail_at(key, fmt::format("'{}' is {:.6g}, but the noise goes from {:.6g} down to {:.6g}", key,
                                      grid_.sigma_min ? least : most, most, least));
    }
    const bool karras = spacing_ == "karras";
    const double rho = grid_.rho;
    std::vector<double> all = karras ? even(std::pow(most, 1 / rho), std::pow(least, 1 / rho), n_)
                                     : even(std::log(most), std::log(least), n_);
    for (double& k : all) k = process_.time_of(karras ? std::pow(k, rho) : std::exp(k));
    return all;
  }

  // Where a time of the process ends the grid: its noise level, or flows' usual one.
  double level(double t, double usual) const {
    if (process_.straight()) return usual;
    const double k = process_.karras_sigma(t);
    return process_.level(t).alpha == 1 ? k : std::min(k, kMostUsefulNoise);
  }

  Setup& setup_;
  const NoiseProcess& process_;
  const TimeGrid& grid_;
  const std::string spacing_;
  const int n_;
};

}  // namespace

std::vector<double> spread_times(Setup& setup, const TimeGrid& grid) { return Spread(setup, grid).times(); }

}  // namespace dagfusion
