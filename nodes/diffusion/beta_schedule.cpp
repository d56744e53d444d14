// linear: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239; there also quadratic, const,
// warmup10, warmup50 and jsd, in its code.
// linear_by_timesteps, cosine: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models",
// arXiv:2102.09672, eq. 17; its code scales the linear one.
// sigmoid_chen: Chen 2023, "On the Importance of Noise Scheduling for Diffusion Models", arXiv:2301.10972.
// sigmoid_geodiff: Xu et al. 2022, "GeoDiff", arXiv:2203.02923.
// laplace: Hang et al. 2024, "Improved Noise Schedule for Diffusion Training", arXiv:2407.03297, as diffusers has it.
// zero_terminal_snr: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
// arXiv:2305.08891, algorithm 1.
//
//   alpha[t] = 1 - beta[t], alpha_bar[t] = alpha[0] * … * alpha[t], alpha_bar[-1] = 1
//   b0 = beta_start, b1 = beta_end, logistic(x) = 1 / (1 + exp(-x)), u = t / T of T timesteps
//
//   linear               beta = b0 … b1 in even steps
//   linear_by_timesteps  the same with 1000 / T times b0 and b1: as much noise at the end for any T
//   quadratic            sqrt(beta) = sqrt(b0) … sqrt(b1) in even steps
//   warmup10, warmup50   linear over the first 10 or 50 %, then b1
//   const                beta = b1
//   jsd                  beta = 1 / (T - t)
//   sigmoid_geodiff      beta = b0 + (b1 - b0) * logistic(-6 … 6 in even steps)
//   cosine               alpha_bar(u) ~ cos((u + 0.008) / 1.008 * pi / 2)^2
//   sigmoid_chen         alpha_bar(u) ~ logistic(3) - logistic(6 u - 3)
//   laplace              alpha_bar(u) = sqrt(snr / (1 + snr)), ln snr = -sign(1/2 - u) ln(1 - 2 |1/2 - u| + 1e-6) / 2
//   exponential          alpha_bar(u) = exp(-12 u)
//
// Where alpha_bar is given, beta[t] = 1 - alpha_bar((t + 1) / T) / alpha_bar(t / T), at most 0.999.
#include "nodes/diffusion/beta_schedule.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>

namespace dagfusion {
namespace {

constexpr double kLargestBeta = 0.999;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> even_steps(double first, double last, int n) {
  std::vector<double> values(n);
  for (int i = 0; i < n; ++i) values[i] = n == 1 ? first : first + (last - first) * i / (n - 1);
  return values;
}

double cosine(double u) { return std::pow(std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2), 2); }
double sigmoid_chen(double u) { return logistic(3) - logistic(6 * u - 3); }
double exponential(double u) { return std::exp(-12 * u); }
double laplace(double u) {
  const double from_middle = 0.5 - u, sign = from_middle > 0 ? 1 : from_middle < 0 ? -1 : 0;
  const double snr = std::exp(-0.5 * sign * std::log(1 - 2 * std::fabs(from_middle) + 1e-6));
  return std::sqrt(snr / (1 + snr));
}

std::vector<double> betas_of(double (*alpha_bar)(double), int n) {
  std::vector<double> beta(n);
  for (int t = 0; t < n; ++t) {
    const double kept = alpha_bar(double(t + 1) / n) / alpha_bar(double(t) / n);
    beta[t] = std::min(1 - kept, kLargestBeta);
  }
  return beta;
}

std::vector<double> warm_up(double share, int n, double b0, double b1) {
  std::vector<double> beta(n, b1);
  const std::vector<double> rising = even_steps(b0, b1, static_cast<int>(n * share));
  std::copy(rising.begin(), rising.end(), beta.begin());
  return beta;
}

std::vector<double> jensen_shannon(int n) {
  std::vector<double> beta(n);
  for (int t = 0; t < n; ++t) beta[t] = 1.0 / (n - t);
  return beta;
}

std::vector<double> geodiff(int n, double b0, double b1) {
  std::vector<double> beta = even_steps(-6, 6, n);
  for (double& b : beta) b = b0 + (b1 - b0) * logistic(b);
  return beta;
}

}  // namespace

std::vector<double> betas(const std::string& schedule, int T, double b0, double b1) {
  static const std::map<std::string, double (*)(double)> kGivenByAlphaBar = {{"cosine", cosine},
                                                                             {"sigmoid", sigmoid_chen},
                                                                             {"sigmoid_chen", sigmoid_chen},
                                                                             {"laplace", laplace},
                                                                             {"exponential", exponential}};
  if (const auto found = kGivenByAlphaBar.find(schedule); found != kGivenByAlphaBar.end())
    return betas_of(found->second, T);
  if (schedule == "const") return std::vector<double>(T, b1);
  if (schedule == "jsd") return jensen_shannon(T);
  if (schedule == "warmup10") return warm_up(0.1, T, b0, b1);
  if (schedule == "warmup50") return warm_up(0.5, T, b0, b1);
  if (schedule == "sigmoid_geodiff") return geodiff(T, b0, b1);
  if (schedule == "linear") return even_steps(b0, b1, T);
  if (schedule == "linear_by_timesteps") {
    const double scale = 1000.0 / T;
    std::vector<double> beta = even_steps(scale * b0, scale * b1, T);
    for (double& b : beta) b = std::min(b, kLargestBeta);
    return beta;
  }
  std::vector<double> beta = even_steps(std::sqrt(b0), std::sqrt(b1), T);  // quadratic, scaled_linear
  for (double& b : beta) b *= b;
  return beta;
}

std::vector<double> running_product(const std::vector<double>& beta) {
  std::vector<double> alpha_bar(beta.size());
  double product = 1;
  for (std::size_t t = 0; t < beta.size(); ++t) alpha_bar[t] = product *= 1 - beta[t];
  return alpha_bar;
}

std::vector<double> without_terminal_signal(const std::vector<double>& alpha_bar) {
  const double first = std::sqrt(alpha_bar.front()), last = std::sqrt(alpha_bar.back());
  std::vector<double> beta(alpha_bar.size());
  double before = 1;
  for (std::size_t t = 0; t < beta.size(); ++t) {
    const double root = (std::sqrt(alpha_bar[t]) - last) * first / (first - last);
    beta[t] = 1 - root * root / before;
    before = root * root;
  }
  return beta;
}

}  // namespace dagfusion
