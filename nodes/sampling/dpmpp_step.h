// What the multistep samplers of the DPM-Solver++ family share.
// Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", arXiv:2211.01095,
// eq. 8 and appendix; the third order and eta as k-diffusion has them.
//
//   y = x / alpha, k = sigma / alpha, h = ln(k / k'), H = (1 + eta) * h,  m0, m1, m2: x0 of this step and of earlier ones
//   y' = exp(-H) * y + (1 - exp(-H)) * m0 + correction + k' * sqrt(1 - exp(-2 eta h)) * z,  z ~ N(0, 1)
//
//   second order: D = (m0 - m1) / r, r = (last h) / h
//     midpoint   correction = (1 - exp(-H)) / 2 * D
//     heun       correction = p2 * D,  p2 = (exp(-H) - 1) / H + 1
//   third order:  d0 = (m0 - m1) / r0, d1 = (m1 - m2) / r1,
//     correction = p2 * (d0 + (d0 - d1) * r0 / (r0 + r1)) - p3 * (d0 - d1) / (r0 + r1),  p3 = p2 / H - 1/2
//
// The step to the clean image gives m0. With too short a history the order is lower.
// x, prediction, x0_before, x0_before2, prev, x0: [N,...]; t, t_prev, t_before, t_before2: [N].
#pragma once

#include "nodes/sampling/history.h"

namespace dagfusion {

class DpmppStep final : public Map {
 public:
  DpmppStep(Setup&, int order);
  void forward(Call&) const override;

 private:
  // Shares of m0, m1 and m2 in the correction.
  struct Correction {
    double now = 0, before = 0, before2 = 0;
  };
  Correction correction(const Differences&, double H) const;

  DenoisingStep step_;
  History history_;
  double eta_;
  bool midpoint_;
};

}  // namespace dagfusion
