// The times of a loop: a list of timesteps that a Times node walks through, one for each iteration, and the
// lists that the samplers of the literature use. t is the same for all images of a frame.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {

// n of the timesteps 0 … T - 1, from noisy to clean. Halves are rounded to even, as the systems we are
// compared with do.
std::vector<int> leading_timesteps(int T, int n);   // every (T / n)-th, from 0 on: 980, …, 20, 0
std::vector<int> linspace_timesteps(int T, int n);  // from T - 1 to 0 in even steps: 999, 979, 958, …, 20, 0
std::vector<int> trailing_timesteps(int T, int n);  // every T / n, down from T - 1: 999, 979, …, 19
// T cut into equal sections, in each of them so many timesteps at even distances: Nichol & Dhariwal 2021.
std::vector<int> respaced_timesteps(int T, const std::vector<std::int64_t>& sections);

inline std::vector<double> as_times(const std::vector<int>& timesteps) {
  return {timesteps.begin(), timesteps.end()};
}

class NoiseProcess;

// How times are spread over a noise process: see sampling_timesteps.
struct TimeGrid {
  std::string spacing = "auto";
  double rho = 7;
  std::optional<double> sigma_min = {}, sigma_max = {};  // of grids on noise levels; those of the process
  double shift = 1;
};
// As many as the node's parameter `steps` says, from noisy to clean; a fault where there are no such.
std::vector<double> spread_times(Setup&, const TimeGrid& = {});

class TimestepList : public Times {
 public:
  // `times` in the order of the iterations; `prev[i]` is the next cleaner one to times[i], or the clean image's,
  // `next[i]` the next noisier one.
  TimestepList(Setup&, std::vector<double> times, std::vector<double> prev, std::vector<double> next);
  // From noisy to clean, each time's neighbours being those of the iterations around it.
  TimestepList(Setup&, std::vector<double> times);
  // From clean to noisy.
  static std::vector<double> cleaner_of_rising(const std::vector<double>& times, double clean);
  static std::vector<double> noisier_of_rising(const std::vector<double>& times);

  static std::vector<Port> ports();

  int count() const final { return static_cast<int>(times_.size()); }
  std::string listing() const final;
  void forward(Call&) const final;

 private:
  std::vector<double> times_, prev_, next_;
  Output t_, t_prev_, t_next_, t_before_, t_before2_, index_, first_, last_, more_;
};

// Of the section `diffusion`; a fault when its process has no timesteps.
int timesteps_of(Setup&);

}  // namespace dagfusion
