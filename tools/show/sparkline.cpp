#include "tools/show/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace dagfusion {

std::string sparkline(const std::vector<double>& values, int columns) {
  constexpr std::array<const char*, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::size_t parts = std::min(values.size(), static_cast<std::size_t>(std::max(columns, 1)));
  std::vector<double> means;
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t begin = values.size() * p / parts, end = values.size() * (p + 1) / parts;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += values[i];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  if (means.empty()) return "";
  // Losses fall by powers: on a line that is not logarithmic all but the first would lie at the bottom.
  if (*std::min_element(means.begin(), means.end()) > 0)
    for (double& mean : means) mean = std::log(mean);
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  const double least = *low, range = *high - *low;
  std::string text;
  for (const double mean : means) {
    const double share = range > 0 ? (mean - least) / range : 0;
    text += kHeights[std::min<std::size_t>(static_cast<std::size_t>(share * kHeights.size()),
                                           kHeights.size() - 1)];
  }
  return text;
}

}  // namespace dagfusion
