#include "tools/show/noise_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nodes/files/curves.h"

namespace dagfusion {
namespace {

NoiseAt noise_at(const NoiseProcess& process, double t) {
  const NoiseLevel at = process.level(t);
  const double c = process.prediction().clean_image(at).from_prediction;
  const bool table = process.timesteps() > 0;
  return {.t = t,
          .alpha = at.alpha,
          .sigma = at.sigma,
          .beta = table ? process.between(t - 1, t).added : std::numeric_limits<double>::quiet_NaN(),
          .snr = process.snr(t),
          .seen = process.network_input(t).time,
          .clean_weight = 1 / (c * c)};
}

}  // namespace

std::vector<NoiseAt> noise_at_times(const NoiseProcess& process, int count) {
  std::vector<NoiseAt> all;
  const int timesteps = process.timesteps();
  if (count == 0) count = timesteps ? timesteps : 1000;
  if (timesteps) count = std::min(count, timesteps);
  for (int i = 0; i < count; ++i) {
    const double u = count == 1 ? 0 : double(i) / (count - 1);
    all.push_back(noise_at(process, i + 1 == count ? process.most()
                                    : timesteps    ? std::round(u * (timesteps - 1))
                                                   : process.at_share(u)));
  }
  return all;
}

std::string noise_table(const NoiseProcess& process, int count) {
  const auto prediction = static_cast<std::size_t>(process.prediction().what);
  std::string text = fmt::format(
      "process {}, prediction {}\n\n{:>10}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}  {:>12}\n", process.name(),
      prediction_names()[prediction], "t", "alpha", "sigma", "beta", "SNR", "network's t", "clean weight");
  for (const NoiseAt& at : noise_at_times(process, count))
    text += fmt::format("{:>10.5g}  {:>10.5g}  {:>10.5g}  {:>10}  {:>10.4g}  {:>11.5g}  {:>12.4g}\n", at.t,
                        at.alpha, at.sigma, std::isnan(at.beta) ? "" : fmt::format("{:.4g}", at.beta), at.snr,
                        at.seen, at.clean_weight);
  text += fmt::format(
      "\nx_t = alpha * x0 + sigma * e; of the last time's power {:.4g} is image\n"
      "clean weight: how much a loss without weights counts the clean image's error at that time\n",
      1 / (1 + 1 / process.snr(process.most())));
  return text;
}

std::string noise_csv(const NoiseProcess& process, int count) {
  std::string text = "t,alpha,sigma,beta,snr,network_t,clean_weight\n";
  for (const NoiseAt& at : noise_at_times(process, count))
    text += fmt::format("{},{:.10g},{:.10g},{},{:.10g},{:.10g},{:.10g}\n", at.t, at.alpha, at.sigma,
                        std::isnan(at.beta) ? "" : fmt::format("{:.10g}", at.beta), at.snr, at.seen,
                        at.clean_weight);
  return text;
}

std::string noise_curves_svg(const NoiseProcess& process, const std::string& title) {
  const std::vector<NoiseAt> times = noise_at_times(process, 200);
  const auto values = [&](const auto& of) {
    std::vector<double> all;
    for (const NoiseAt& at : times) all.push_back(of(at));
    return all;
  };
  const auto plot = [&](const std::string& name, const std::string& curve, const auto& of) {
    return Plot{name, {{curve, values(of)}}};
  };
  std::vector<Plot> plots;
  if (process.level(process.most()).alpha == 1)
    plots.push_back(plot("log10 of sigma", "sigma", [](const NoiseAt& at) { return std::log10(at.sigma); }));
  else
    plots.push_back({"share of image and noise",
                     {{"alpha", values([](const NoiseAt& at) { return at.alpha; })},
                      {"sigma", values([](const NoiseAt& at) { return at.sigma; })}}});
  if (process.timesteps())
    plots.push_back(
        plot("beta, the noise that a timestep adds", "beta", [](const NoiseAt& at) { return at.beta; }));
  else
    plots.push_back(plot("what the network sees of t", "c_noise", [](const NoiseAt& at) { return at.seen; }));
  plots.push_back(plot("log10 of the signal-to-noise ratio", "SNR",
                       [](const NoiseAt& at) { return std::log10(at.snr); }));
  plots.push_back(plot("log10 of the clean image's weight in a plain loss", "weight",
                       [](const NoiseAt& at) { return std::log10(at.clean_weight); }));
  return curves_svg(title, values([](const NoiseAt& at) { return at.t; }), plots);
}

}  // namespace dagfusion
