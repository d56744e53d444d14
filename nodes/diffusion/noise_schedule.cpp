// Section `diffusion`: how noise grows over the timesteps, and what the model predicts.
// linear: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239; posterior: eq. 7.
// cosine: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models",
// arXiv:2102.09672, eq. 17.
// sigmoid_chen: Chen 2023, "On the Importance of Noise Scheduling for Diffusion Models", arXiv:2301.10972.
// sigmoid_geodiff: Xu et al. 2022, "GeoDiff", arXiv:2203.02923.
// zero_terminal_snr: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
// arXiv:2305.08891, algorithm 1.
//
//   alpha[t] = 1 - beta[t], alpha_bar[t] = alpha[0] * … * alpha[t], alpha_bar[-1] = 1
//   b0 = beta_start, b1 = beta_end, logistic(x) = 1 / (1 + exp(-x)), u = t / T of T timesteps
//
//   linear           beta = b0 … b1 in even steps
//   quadratic        sqrt(beta) = sqrt(b0) … sqrt(b1) in even steps
//   const            beta = b1
//   sigmoid_geodiff  beta = b0 + (b1 - b0) * logistic(-6 … 6 in even steps)
//   cosine           alpha_bar(u) ~ cos((u + 0.008) / 1.008 * pi / 2)^2
//   sigmoid_chen     alpha_bar(u) ~ logistic(3) - logistic(6 u - 3)
//
// Where alpha_bar is given, beta[t] = 1 - alpha_bar((t + 1) / T) / alpha_bar(t / T), at most 0.999.
#include "nodes/diffusion/noise_schedule.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

constexpr double kLargestBeta = 0.999;
constexpr double kMuchSignal = 1e-2;  // alpha_bar of the last timestep from which on a warning is due

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> even_steps(double first, double last, int n) {
  std::vector<double> values(n);
  for (int i = 0; i < n; ++i) values[i] = first + (last - first) * i / (n - 1);
  return values;
}

std::vector<double> betas_of(const std::function<double(double)>& alpha_bar, int n) {
  std::vector<double> beta(n);
  for (int t = 0; t < n; ++t) {
    const double kept = alpha_bar(double(t + 1) / n) / alpha_bar(double(t) / n);
    beta[t] = std::min(1 - kept, kLargestBeta);
  }
  return beta;
}

std::vector<double> betas(const std::string& schedule, int n, double b0, double b1) {
  if (schedule == "cosine")
    return betas_of(
        [](double u) { return std::pow(std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2), 2); }, n);
  if (schedule == "sigmoid" || schedule == "sigmoid_chen")
    return betas_of([](double u) { return logistic(3) - logistic(6 * u - 3); }, n);
  if (schedule == "const") return std::vector<double>(n, b1);
  if (schedule == "sigmoid_geodiff") {
    std::vector<double> beta = even_steps(-6, 6, n);
    for (double& b : beta) b = b0 + (b1 - b0) * logistic(b);
    return beta;
  }
  if (schedule == "linear") return even_steps(b0, b1, n);
  std::vector<double> beta = even_steps(std::sqrt(b0), std::sqrt(b1), n);  // quadratic, scaled_linear
  for (double& b : beta) b *= b;
  return beta;
}

// Shifts and stretches sqrt(alpha_bar) so that its last
// value is 0 and its first stays; the betas that give it.
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

std::vector<double> running_product(const std::vector<double>& beta) {
  std::vector<double> alpha_bar(beta.size());
  double product = 1;
  for (std::size_t t = 0; t < beta.size(); ++t) alpha_bar[t] = product *= 1 - beta[t];
  return alpha_bar;
}

}  // namespace

NoiseSchedule::NoiseSchedule(const Parameters& given) {
  const double b0 = given.real("beta_start"), b1 = given.real("beta_end");
  if (b0 > b1) given.fail("beta_start", fmt::format("'beta_start' is {}, above 'beta_end' {}", b0, b1));
  const std::string& prediction = given.text("prediction");
  prediction_ = prediction == "epsilon" ? Prediction::epsilon
                : prediction == "v"     ? Prediction::v
                                        : Prediction::sample;
  beta_ = betas(given.text("schedule"), static_cast<int>(given.integer("timesteps")), b0, b1);
  alpha_bar_ = running_product(beta_);
  if (given.flag("zero_terminal_snr")) {
    if (prediction_ == Prediction::epsilon)
      given.fail(
          "zero_terminal_snr",
          "'zero_terminal_snr' leaves no image in the last timestep, which 'prediction' epsilon cannot bring "
          "back; v and sample can");
    beta_ = without_terminal_signal(alpha_bar_);
    alpha_bar_ = running_product(beta_);
  }
  if (alpha_bar_.back() > kMuchSignal)
    warnings_.push_back(
        fmt::format("{}: alpha_bar of the last timestep is {:.3g}, so much of the image is left where "
                    "sampling starts from pure "
                    "noise; more timesteps or a larger 'beta_end' would bring it below {}",
                    given.owner(), alpha_bar_.back(), kMuchSignal));
}

double NoiseSchedule::posterior_variance(int t) const {
  return beta(t) * (1 - alpha_bar_prev(t)) / (1 - alpha_bar(t));
}

double NoiseSchedule::posterior_log_variance(int t) const {
  return std::log(posterior_variance(std::max(t, 1)));
}

double NoiseSchedule::posterior_x0(int t) const {
  return beta(t) * std::sqrt(alpha_bar_prev(t)) / (1 - alpha_bar(t));
}

double NoiseSchedule::posterior_xt(int t) const {
  return (1 - alpha_bar_prev(t)) * std::sqrt(alpha(t)) / (1 - alpha_bar(t));
}

NoiseSchedule::CleanImage NoiseSchedule::clean_image(int t) const {
  const double signal = std::sqrt(alpha_bar(t)), noise = std::sqrt(1 - alpha_bar(t));
  switch (prediction_) {
    case Prediction::epsilon:
      return {1 / signal, -noise / signal};
    case Prediction::v:
      return {signal, -noise};
    case Prediction::sample:
      break;
  }
  return {0, 1};
}

int NoiseSchedule::index(float t, int lowest) const {
  if (!(t >= static_cast<float>(lowest) && t < static_cast<float>(timesteps())) || t != std::floor(t))
    throw std::runtime_error(fmt::format("t is {}, which is not a timestep; whole numbers from {} to {} are",
                                         t, lowest, timesteps() - 1));
  return static_cast<int>(t);
}

SectionType diffusion() {
  return {
      .name = "diffusion",
      .summary = "How noise grows over the timesteps, and what the model predicts.",
      .parameters =
          {{.name = "schedule",
            .kind = Kind::choice,
            .doc =
                "how beta, the noise added by each timestep, grows; scaled_linear is quadratic, sigmoid is "
                "sigmoid_chen",
            .standard = std::string("linear"),
            .choices = {"linear", "quadratic", "scaled_linear", "cosine", "sigmoid", "sigmoid_chen",
                        "sigmoid_geodiff", "const"}},
           {.name = "timesteps",
            .doc = "T; timestep 0 has the least noise, T - 1 the most",
            .standard = std::int64_t{1000},
            .minimum = 2,
            .maximum = 1000000},
           {.name = "beta_start",
            .kind = Kind::real,
            .doc = "beta of the first timestep; cosine, sigmoid_chen and const do not use it",
            .standard = 1e-4,
            .minimum = 0,
            .maximum = 1,
            .above_minimum = true},
           {.name = "beta_end",
            .kind = Kind::real,
            .doc = "beta of the last timestep; cosine and sigmoid_chen do not use it",
            .standard = 0.02,
            .minimum = 0,
            .maximum = kLargestBeta,
            .above_minimum = true},
           {.name = "prediction",
            .kind = Kind::choice,
            .doc = "what the model gives: the noise, the clean image, or their mixture v",
            .standard = std::string("epsilon"),
            .choices = {"epsilon", "sample", "v"}},
           {.name = "zero_terminal_snr",
            .kind = Kind::boolean,
            .doc = "rescale the schedule so that the last timestep is pure noise",
            .standard = false}},
      .create = [](const Parameters& given) { return std::make_unique<NoiseSchedule>(given); }};
}

}  // namespace dagfusion
