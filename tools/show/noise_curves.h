// A noise process as people look at it: a table of its times, and curves of it as a picture.
#pragma once

#include <string>
#include <vector>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

// What a process is at one time.
struct NoiseAt {
  double t, alpha, sigma;
  double beta;  // added since the timestep before; nan without timesteps
  double snr;
  double seen;  // the time as the network gets it
  // What the error of the clean image counts in a loss without weights: |prediction - target|^2 / |x0' - x0|^2.
  double clean_weight;
};

// `count` times from least noise to most, as evenly as training draws them; 0 = every timestep of a discrete process.
std::vector<NoiseAt> noise_at_times(const NoiseProcess&, int count);

std::string noise_table(const NoiseProcess&, int count);
std::string noise_csv(const NoiseProcess&, int count);
std::string noise_curves_svg(const NoiseProcess&, const std::string& title);

}  // namespace dagfusion
