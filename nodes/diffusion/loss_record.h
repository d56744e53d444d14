// The last losses at each noise level, and how often to train there: what importance_timesteps reads and loss_history
// keeps. Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 18.
//
//   p[k] = (1 - floor) * w[k] / sum of w + floor / K,  w[k] = sqrt(mean of the squares of the last 10 losses of bin k)
//   p[k] = 1 / K until every bin has 10
//
// Bin k of K holds the times at_share(u) for k/K <= u < (k+1)/K; with K = T timesteps each is one of them.
#pragma once

#include <cstdint>
#include <vector>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

class LossRecord {
 public:
  static constexpr int kKept = 10;        // losses of each bin
  static constexpr double kFloor = 1e-3;  // share of draws that are even

  LossRecord(const NoiseProcess&, int bins);

  int bins() const { return static_cast<int>(counts_.size()); }
  int bin(float t) const;
  void add(int bin, double loss);  // seen by the readers after renew()
  void renew();

  double probability(int bin) const { return upto_[bin] - (bin > 0 ? upto_[bin - 1] : 0); }
  // The share at which u in [0,1) lies when bins are drawn by their probability, and the weight 1 / (K p) of its bin.
  struct Draw {
    double share, weight;
  };
  Draw draw(double u) const;

  // For checkpoints: [K,10], newest first from each bin's next place on, and how many were ever added, up to 10.
  std::vector<float>& losses() { return losses_; }
  std::vector<std::int32_t>& counts() { return counts_; }

 private:
  std::vector<float> starts_;  // the first time of each bin
  std::vector<float> losses_;
  std::vector<std::int32_t> counts_;
  std::vector<double> upto_;  // sums of the probabilities
};

// A node that keeps one.
class KeepsLossRecord {
 public:
  virtual ~KeepsLossRecord() = default;
  virtual const LossRecord& record() const = 0;
};

}  // namespace dagfusion
