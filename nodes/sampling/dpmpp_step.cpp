#include "nodes/sampling/dpmpp_step.h"

#include "nodes/kernels/gaussian.h"

namespace dagfusion {

DpmppStep::DpmppStep(Setup& setup, int order)
    : step_(setup),
      history_(setup, order == 3),
      eta_(setup.real("eta")),
      midpoint_(order == 2 && setup.text("solver") == "midpoint") {}

DpmppStep::Correction DpmppStep::correction(const Differences& past, double H) const {
  if (past.known == 0) return {};
  const double p2 = midpoint_ ? -std::expm1(-H) / 2 : std::expm1(-H) / H + 1;
  if (past.known == 1) return {.now = p2 / past.near, .before = -p2 / past.near};
  // D1 = a * d0 - b * d1 and D2 = (d0 - d1) / both, with d0 = (m0 - m1) / near, d1 = (m1 - m2) / far.
  const double p3 = p2 / H - 0.5, both = past.near + past.far;
  const double of_d0 = p2 * (1 + past.near / both) - p3 / both, of_d1 = -p2 * past.near / both + p3 / both;
  return {.now = of_d0 / past.near,
          .before = -of_d0 / past.near + of_d1 / past.far,
          .before2 = -of_d1 / past.far};
}

void DpmppStep::forward(Call& call) const {
  for (int n = 0; n < step_.images(); ++n) {
    const DenoisingStep::Image image = step_.image(call, n);
    if (image.last) {
      std::copy_n(image.x0, step_.each(), image.prev);
      continue;
    }
    const NoiseLevel from = image.from, to = image.to;
    const double h = half_log_snr(to) - half_log_snr(from), H = (1 + eta_) * h;
    const double shrunk = eta_ == 0 ? 1 : std::exp(-eta_ * h);  // of pure noise h is infinite
    const double of_x = to.sigma / from.sigma * shrunk, of_x0 = -to.alpha * std::expm1(-H);
    const double of_z = to.sigma * std::sqrt(1 - shrunk * shrunk);
    const Correction more = correction(history_.differences(call, step_.process(), image, n), H);
    const std::size_t start = static_cast<std::size_t>(n) * step_.each();
    const float* before = history_.x0_before(call) + start;
    const float* before2 = more.before2 != 0 ? history_.x0_before2(call) + start : before;
    if (of_z > 0) kernels::gaussian(call.random(n), image.prev, step_.each());
    for (std::size_t i = 0; i < step_.each(); ++i) {
      const double change = more.now * image.x0[i] + more.before * before[i] + more.before2 * before2[i];
      const double z = of_z > 0 ? image.prev[i] : 0;
      image.prev[i] =
          static_cast<float>(of_x * image.x[i] + of_x0 * image.x0[i] + to.alpha * change + of_z * z);
    }
  }
}

}  // namespace dagfusion
