// The discrete noise process of DDPM: a table over timesteps 0 … T - 1, from a schedule of beta.
#pragma once

#include <cmath>
#include <vector>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

// What the model says of the variance of its steps: nothing, its logarithm, or where that lies between both ends.
enum class LearnedVariance { none, raw, range };

// Timestep -1 is the clean image: alpha_bar(-1) = 1.
class DiscreteProcess final : public NoiseProcess {
 public:
  explicit DiscreteProcess(const Parameters&);

  int timesteps() const override { return static_cast<int>(beta_.size()); }
  double clean() const override { return -1; }
  double least() const override { return 0; }
  double most() const override { return timesteps() - 1; }
  bool has(double t) const override { return t >= 0 && t <= most(); }
  double at_share(double u) const override { return std::floor(u * timesteps()); }
  const char* usual_spacing() const override { return "leading"; }
  double time_of(double karras_sigma) const override;

  LearnedVariance learned_variance() const { return learned_variance_; }

  double beta(int t) const { return beta_[t]; }
  double alpha(int t) const { return 1 - beta_[t]; }
  double alpha_bar(int t) const { return t < 0 ? 1 : alpha_bar_[t]; }

 private:
  NoiseLevel level_at(
      double t) const override;  // between timesteps the logarithm of the SNR is a straight line
  double log_snr(int t) const;
  void take_betas(const Parameters&);
  void take_signal_away(const Parameters&);
  void warn(const Parameters&);

  LearnedVariance learned_variance_;
  std::vector<double> beta_, alpha_bar_;
};

}  // namespace dagfusion
