#include "tools/sweep/ticks.h"

#include <algorithm>
#include <cmath>

namespace dagfusion {

namespace {

constexpr double kRounding = 1e-9;  // share of a step by which a multiple may lie beyond an end

std::vector<double> multiples(double step, double low, double high) {
  std::vector<double> ticks;
  for (double n = std::ceil(low / step - kRounding); n * step <= high + kRounding * step; ++n)
    ticks.push_back(n * step + 0.0);  // no -0
  return ticks;
}

std::vector<double> times_powers(const std::vector<double>& factors, double low, double high) {
  std::vector<double> ticks;
  for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power)
    for (const double factor : factors) {
      const double tick = factor * std::pow(10, power);
      if (tick >= low * (1 - kRounding) && tick <= high * (1 + kRounding)) ticks.push_back(tick);
    }
  return ticks;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int most, double least_step) {
  if (!(low < high)) return {low};
  for (double power = std::floor(std::log10((high - low) / most));; ++power)
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double step = factor * std::pow(10, power);
      if (step < least_step) continue;
      const std::vector<double> ticks = multiples(step, low, high);
      if (static_cast<int>(ticks.size()) <= most) return ticks;
    }
}

std::vector<double> log_ticks(double low, double high, int most) {
  for (const auto& factors : {std::vector<double>{1, 2, 5}, std::vector<double>{1}}) {
    const std::vector<double> ticks = times_powers(factors, low, high);
    if (ticks.size() < 2) return round_ticks(low, high, most);
    if (static_cast<int>(ticks.size()) <= most) return ticks;
  }
  std::vector<double> exponents = round_ticks(std::log10(low), std::log10(high), most, 1), ticks;
  for (const double e : exponents) ticks.push_back(std::pow(10, e));
  return ticks;
}

}  // namespace dagfusion
