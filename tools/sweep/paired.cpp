#include "tools/sweep/paired.h"

#include <cmath>
#include <limits>

namespace dagfusion {

namespace {

// The density of Student's t, and its distribution function by Simpson's rule from 0.
double density(double t, double n) {
  const double log_scale = std::lgamma((n + 1) / 2) - std::lgamma(n / 2) - 0.5 * std::log(n * M_PI);
  return std::exp(log_scale - (n + 1) / 2 * std::log1p(t * t / n));
}

double distribution(double t, double n) {
  constexpr int kParts = 2000;
  const double h = t / kParts;
  double sum = density(0, n) + density(t, n);
  for (int i = 1; i < kParts; ++i) sum += (i % 2 == 1 ? 4 : 2) * density(i * h, n);
  return 0.5 + sum * h / 3;
}

}  // namespace

double student_t(int degrees) {
  double low = 0, high = 64;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (distribution(middle, degrees) < 0.975 ? low : high) = middle;
  }
  return low;
}

Interval interval_of(const std::vector<double>& differences) {
  Interval made{.count = static_cast<int>(differences.size())};
  const double n = static_cast<double>(differences.size());
  for (const double d : differences) made.mean += d / n;
  double square = 0;
  for (const double d : differences) square += (d - made.mean) * (d - made.mean);
  const double half = made.count < 2 ? std::numeric_limits<double>::infinity()
                                     : student_t(made.count - 1) * std::sqrt(square / (n - 1) / n);
  made.low = made.mean - half;
  made.high = made.mean + half;
  return made;
}

}  // namespace dagfusion
