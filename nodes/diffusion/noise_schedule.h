// The noise schedule: how much noise each timestep has, and all that follows from it, in float64.
#pragma once

#include <string>
#include <vector>

#include "graph/types/setup.h"

namespace dagfusion {

// What the model is trained to give for a noisy image.
enum class Prediction { epsilon, sample, v };

// Timesteps count from 0 = least noise to timesteps() - 1. Nodes carry `t` as f32; index() turns it into a
// place in the tables. Timestep -1 is the clean image: alpha_bar(-1) = 1.
class NoiseSchedule final : public Resource {
 public:
  explicit NoiseSchedule(const Parameters&);

  int timesteps() const { return static_cast<int>(beta_.size()); }
  Prediction prediction() const { return prediction_; }

  double beta(int t) const { return beta_[t]; }
  double alpha(int t) const { return 1 - beta_[t]; }
  double alpha_bar(int t) const { return t < 0 ? 1 : alpha_bar_[t]; }
  double alpha_bar_prev(int t) const { return alpha_bar(t - 1); }
  double snr(int t) const { return alpha_bar_[t] / (1 - alpha_bar_[t]); }

  // q(x[t-1] | x[t], x0): mean = posterior_x0 * x0 + posterior_xt * xt.
  double posterior_variance(int t) const;
  double posterior_log_variance(int t) const;  // that of timestep 1 in place of log(0) at timestep 0
  double posterior_x0(int t) const;
  double posterior_xt(int t) const;

  // The clean image that a prediction stands for: x0 = from_x * x + from_prediction * prediction.
  struct CleanImage {
    double from_x, from_prediction;
  };
  CleanImage clean_image(int t) const;

  // `t` as a timestep from `lowest` on; throws std::runtime_error when it is none.
  int index(float t, int lowest = 0) const;

  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  std::vector<double> beta_, alpha_bar_;
  Prediction prediction_;
  std::vector<std::string> warnings_;
};

}  // namespace dagfusion
