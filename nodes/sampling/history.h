// The history of a multistep sampler: clean images that earlier iterations of a loop gave, and the times of those.
// The loop carries the images (`carry: {x: xT, x0: zeros}`, `next: {x: prev, x0: prev.x0}`), the list of times gives
// t_before and t_before2. In the first iteration t_before is t, in the first two t_before2 is t_before: too short.
#pragma once

#include <cmath>

#include "nodes/sampling/denoising_step.h"

namespace dagfusion {

// ln(alpha / sigma), in which the multistep samplers measure steps.
inline double half_log_snr(NoiseLevel at) { return std::log(at.alpha / at.sigma); }

// Changes of the clean image per unit of the step, at its start: first and second difference.
struct Differences {
  int known = 0;             // 0: none, 1: the first, 2: both
  double near = 0, far = 0;  // length of the last step, and of the one before it, in units of this step
};

class History {
 public:
  // Ports x0_before and t_before; with `two` also x0_before2 and t_before2.
  static std::vector<Port> inputs(bool two);
  History(Setup&, bool two);

  Differences differences(const Call&, const NoiseProcess&, const DenoisingStep::Image&, int n) const;
  const float* x0_before(const Call& call) const { return call.in<float>(x0_before_); }
  const float* x0_before2(const Call& call) const { return call.in<float>(x0_before2_); }

 private:
  bool two_;
  Input x0_before_, t_before_, x0_before2_, t_before2_;
};

}  // namespace dagfusion
