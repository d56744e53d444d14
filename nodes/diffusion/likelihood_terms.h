// What the terms of the variational bound are made of, in nats, with their gradients.
//
// KL between two Gaussians of means m, m' and ln variances u, u':
//
//   KL(N(m, e^u) || N(m', e^u')) = (-1 + u' - u + e^(u - u') + (m - m')^2 e^-u') / 2
//
// ln of the probability that a Gaussian gives to a value of 256 steps in [-1,1], and its gradients.
// Ho et al. 2020, arXiv:2006.11239, eq. 13, with the approximation of the normal distribution in their code:
//
//   cdf(x) = (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2
//   ln p = ln(cdf((x - mean + 1/255) / s) - cdf((x - mean - 1/255) / s)),  s = e^log_scale; the ends of the range
//   reach to infinity; p is 1e-12 at least
#pragma once

#include <cmath>
#include <numbers>

namespace dagfusion {

struct GaussianKl {
  double kl, dmean, dlog_variance;  // by those of the second
};

inline GaussianKl gaussian_kl(double mean, double log_variance, double other_mean,
                              double other_log_variance) {
  const double off = mean - other_mean, inverse = std::exp(-other_log_variance),
               ratio = std::exp(log_variance - other_log_variance), square = off * off * inverse;
  return {(-1 + other_log_variance - log_variance + ratio + square) / 2, -off * inverse,
          (1 - ratio - square) / 2};
}

struct DiscretisedGaussian {
  double log_p, dmean, dlog_scale;
};

inline DiscretisedGaussian discretised_gaussian(double x, double mean, double log_scale) {
  constexpr double kHalfStep = 1.0 / 255, kCubic = 0.044715, kEnd = 0.999, kLeast = 1e-12;
  const double root = std::sqrt(2 / std::numbers::pi), inverse = std::exp(-log_scale);
  struct Edge {
    double z, cdf, density;
  };
  const auto edge = [&](double at) {
    const double z = inverse * (at - mean), tanh = std::tanh(root * (z + kCubic * z * z * z));
    return Edge{z, (1 + tanh) / 2, (1 - tanh * tanh) / 2 * root * (1 + 3 * kCubic * z * z)};
  };
  const Edge none{0, 0, 0}, all{0, 1, 0};
  const Edge upper = x > kEnd ? all : edge(x + kHalfStep), lower = x < -kEnd ? none : edge(x - kHalfStep);
  const double p = upper.cdf - lower.cdf;
  if (p <= kLeast) return {std::log(kLeast), 0, 0};
  return {std::log(p), -inverse * (upper.density - lower.density) / p,
          -(upper.z * upper.density - lower.z * lower.density) / p};
}

}  // namespace dagfusion
