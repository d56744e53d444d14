// process discrete: T timesteps of a noise schedule.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 2 to 7.
//
//   alpha(t) = sqrt(alpha_bar[t]), sigma(t) = sqrt(1 - alpha_bar[t]),  t = 0 … T - 1, -1 = clean
//   the network sees x as it is, and t
//
// Samplers on grids of sigma ask for times between timesteps: there ln(snr) is interpolated, as k-diffusion does.
#include "nodes/diffusion/discrete_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/diffusion/beta_schedule.h"

namespace dagfusion {
namespace {

constexpr double kMuchSignal = 1e-2;  // alpha_bar of the last timestep from which on a warning is due

bool written(const Parameters& given, const char* key) {
  return given.has(key) && given.written(key, given.setting(key));
}

LearnedVariance learned_variance_named(const std::string& name) {
  if (name == "fixed") return LearnedVariance::none;
  return name == "learned" ? LearnedVariance::raw : LearnedVariance::range;
}

}  // namespace

DiscreteProcess::DiscreteProcess(const Parameters& given)
    : NoiseProcess(given), learned_variance_(learned_variance_named(given.text("variance"))) {
  take_betas(given);
  alpha_bar_ = running_product(beta_);
  take_signal_away(given);
  warn(given);
}

void DiscreteProcess::take_betas(const Parameters& given) {
  if (given.has("betas")) {
    for (const char* other : {"schedule", "timesteps", "beta_start", "beta_end"})
      if (written(given, other))
        given.fail(other, fmt::format("'{}' and 'betas' are both given; the list says it all", other));
    beta_ = given.reals("betas");
    if (beta_.size() < 2)
      given.fail("betas", fmt::format("'betas' has {} timesteps; 2 or more would do", beta_.size()));
    return;
  }
  const double b0 = given.real("beta_start"), b1 = given.real("beta_end");
  if (b0 > b1) given.fail("beta_start", fmt::format("'beta_start' is {}, above 'beta_end' {}", b0, b1));
  beta_ = betas(given.text("schedule"), static_cast<int>(given.integer("timesteps")), b0, b1);
}

void DiscreteProcess::take_signal_away(const Parameters& given) {
  const bool epsilon = prediction().what == Prediction::epsilon;
  if (given.flag("zero_terminal_snr")) {
    if (epsilon)
      given.fail(
          "zero_terminal_snr",
          "'zero_terminal_snr' leaves no image in the last timestep, which 'prediction' epsilon cannot bring "
          "back; v and sample can");
    beta_ = without_terminal_signal(alpha_bar_);
    alpha_bar_ = running_product(beta_);
  } else if (alpha_bar_.back() <= 0 && epsilon) {
    const char* key = given.has("betas") ? "betas" : "schedule";
    given.fail(
        key, fmt::format("'{}' leaves no image in the last timestep, which 'prediction' epsilon cannot bring "
                         "back; v and sample can",
                         key));
  }
}

void DiscreteProcess::warn(const Parameters& given) {
  if (alpha_bar_.back() <= kMuchSignal) return;
  warnings_.push_back(
      fmt::format("{}: alpha_bar of the last timestep is {:.3g}, so much of the image is left where "
                  "sampling starts from pure "
                  "noise; more timesteps or a larger 'beta_end' would bring it below {}",
                  given.owner(), alpha_bar_.back(), kMuchSignal));
}

double DiscreteProcess::log_snr(int t) const { return std::log(alpha_bar_[t] / (1 - alpha_bar_[t])); }

NoiseLevel DiscreteProcess::level_at(double t) const {
  const int before = static_cast<int>(t);
  double kept = alpha_bar_[before];
  if (const double share = t - before; share > 0) {
    const double from = log_snr(before), to = log_snr(before + 1);
    kept = std::isinf(to) ? kept * (1 - share) : 1 / (1 + std::exp(-(from + share * (to - from))));
  }
  return {std::sqrt(kept), std::sqrt(1 - kept)};
}

double DiscreteProcess::time_of(double karras_sigma) const {
  const double wanted = -2 * std::log(karras_sigma);  // ln(snr); falls as t rises
  int low = 0, high = timesteps() - 1;
  if (wanted >= log_snr(low)) return low;
  if (wanted <= log_snr(high)) return high;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (log_snr(middle) >= wanted ? low : high) = middle;
  }
  if (std::isinf(log_snr(high))) {
    const double kept = 1 / (1 + std::exp(-wanted));
    return low + (1 - kept / alpha_bar_[low]);
  }
  return low + (log_snr(low) - wanted) / (log_snr(low) - log_snr(high));
}

std::unique_ptr<NoiseProcess> discrete_process(const Parameters& given) {
  return std::make_unique<DiscreteProcess>(given);
}

}  // namespace dagfusion
