#include "tools/show/noise_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "tools/show/words.h"

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

// A picture of four plots, two beside each other.
class Picture {
 public:
  using Value = std::function<double(const NoiseAt&)>;
  struct Curve {
    std::string name;
    Value value;
  };

  Picture(const std::vector<NoiseAt>& times, const std::string& title) : times_(times) {
    svg_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "font-family=\"sans-serif\" "
        "font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n<text x=\"16\" y=\"22\" "
        "font-size=\"15\">{2}</text>\n",
        2 * kWidth, 2 * kHeight + kTitle, title);
  }

  void plot(int place, const std::string& title, const std::vector<Curve>& curves) {
    static const char* kColours[] = {"#1f5fbf", "#c2471b", "#3a7d2c"};
    const double left = (place % 2) * kWidth + 60, top = kTitle + (place / 2) * kHeight + 30;
    const double width = kWidth - 80, height = kHeight - 70;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Curve& curve : curves)
      for (const NoiseAt& at : times_) {
        const double y = curve.value(at);
        if (!std::isfinite(y)) continue;
        low = std::min(low, y);
        high = std::max(high, y);
      }
    if (!(low < high)) high = low + 1;
    const auto x_of = [&](std::size_t i) { return left + width * double(i) / double(times_.size() - 1); };
    const auto y_of = [&](double y) { return top + height * (high - y) / (high - low); };
    svg_ += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"13\">{}</text>\n", left, top - 10, title);
    for (int k = 0; k <= 4; ++k) {
      const double y = low + (high - low) * k / 4;
      const std::size_t i = (times_.size() - 1) * static_cast<std::size_t>(k) / 4;
      svg_ += fmt::format(
          "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/><text x=\"{3}\" "
          "y=\"{4:.1f}\" "
          "text-anchor=\"end\">{5:.3g}</text><text x=\"{6:.1f}\" y=\"{7}\" "
          "text-anchor=\"middle\">{8:.4g}</text>\n",
          left, y_of(y), left + width, left - 6, y_of(y) + 4, y, x_of(i), top + height + 16, times_[i].t);
    }
    for (std::size_t c = 0; c < curves.size(); ++c) {
      std::string points;
      for (std::size_t i = 0; i < times_.size(); ++i)
        if (const double y = curves[c].value(times_[i]); std::isfinite(y))
          points += fmt::format("{:.1f},{:.1f} ", x_of(i), y_of(y));
      svg_ += fmt::format(
          "<polyline points=\"{}\" fill=\"none\" stroke-width=\"1.8\" stroke=\"{}\"/>\n<text x=\"{}\" "
          "y=\"{}\" "
          "fill=\"{}\" text-anchor=\"end\">{}</text>\n",
          points, kColours[c], left + width, top - 10 - 14 * (double(curves.size()) - 1 - double(c)),
          kColours[c], curves[c].name);
    }
  }

  std::string done() { return svg_ + "</svg>\n"; }

 private:
  static constexpr int kWidth = 440, kHeight = 280, kTitle = 36;
  const std::vector<NoiseAt>& times_;
  std::string svg_;
};

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
  Picture picture(times, escaped(title));
  const bool explodes = process.level(process.most()).alpha == 1;
  const auto log10 = [](double value) { return std::log10(value); };
  if (explodes)
    picture.plot(0, "log10 of sigma", {{"sigma", [&](const NoiseAt& at) { return log10(at.sigma); }}});
  else
    picture.plot(0, "share of image and noise",
                 {{"alpha", [](const NoiseAt& at) { return at.alpha; }},
                  {"sigma", [](const NoiseAt& at) { return at.sigma; }}});
  if (process.timesteps())
    picture.plot(1, "beta, the noise that a timestep adds",
                 {{"beta", [](const NoiseAt& at) { return at.beta; }}});
  else
    picture.plot(1, "what the network sees of t", {{"c_noise", [](const NoiseAt& at) { return at.seen; }}});
  picture.plot(2, "log10 of the signal-to-noise ratio",
               {{"SNR", [&](const NoiseAt& at) { return log10(at.snr); }}});
  picture.plot(3, "log10 of the clean image's weight in a plain loss",
               {{"weight", [&](const NoiseAt& at) { return log10(at.clean_weight); }}});
  return picture.done();
}

}  // namespace dagfusion
