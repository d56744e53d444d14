// Pillow's src/libImaging/Resample.c: along the rows first, then along the columns, in whole numbers of 22 bits.
#include "nodes/files/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace dagfusion {
namespace {

constexpr int kBits = 32 - 8 - 2;

double support_of(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1;
    case Filter::bicubic:
      return 2;
    case Filter::lanczos:
      return 3;
  }
  return 0;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double value_of(Filter filter, double x) {
  constexpr double a = -0.5;  // of Keys' cubic
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear:
      x = std::abs(x);
      return x < 1 ? 1 - x : 0;
    case Filter::bicubic:
      x = std::abs(x);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    case Filter::lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

// The same in whole numbers of kBits.
struct WholeTaps {
  int first = 0;
  std::vector<int> weights;
};

std::vector<WholeTaps> whole_taps_of(int from, int to, Filter filter) {
  std::vector<WholeTaps> all;
  for (const Taps& taps : taps_of(from, to, filter)) {
    WholeTaps& whole = all.emplace_back(WholeTaps{taps.first, {}});
    for (const double w : taps.weights) {
      const double fixed = w * (1 << kBits);
      whole.weights.push_back(static_cast<int>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return all;
}

std::uint8_t clipped(int sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

// Lines of `to` pixels from lines of `from`; `step` from pixel to pixel, `line` from line to line, in both pictures.
struct Steps {
  std::size_t pixel, line;
};

void along(const std::vector<WholeTaps>& taps, const std::uint8_t* from, Steps source, std::uint8_t* to,
           Steps target, std::size_t lines, std::size_t channels) {
  for (std::size_t l = 0; l < lines; ++l)
    for (std::size_t i = 0; i < taps.size(); ++i)
      for (std::size_t c = 0; c < channels; ++c) {
        const std::uint8_t* at =
            from + l * source.line + static_cast<std::size_t>(taps[i].first) * source.pixel + c;
        int sum = 1 << (kBits - 1);
        for (const int weight : taps[i].weights) {
          sum += *at * weight;
          at += source.pixel;
        }
        to[l * target.line + i * target.pixel + c] = clipped(sum);
      }
}

}  // namespace

std::vector<Taps> taps_of(int from, int to, Filter filter) {
  const double scale = static_cast<double>(from) / to, filter_scale = std::max(scale, 1.0);
  const double support = support_of(filter) * filter_scale;
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), from);
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = first;
    double sum = 0;
    for (int x = first; x < last; ++x) {
      taps.weights.push_back(value_of(filter, (x - center + 0.5) / filter_scale));
      sum += taps.weights.back();
    }
    if (sum != 0)
      for (double& w : taps.weights) w /= sum;
  }
  return all;
}

Image resample(const Image& from, int height, int width, Filter filter) {
  const auto channels = static_cast<std::size_t>(from.channels);
  const auto old_row = static_cast<std::size_t>(from.width) * channels,
             row = static_cast<std::size_t>(width) * channels;
  Image wide{from.height, width, from.channels};
  wide.pixels.resize(row * static_cast<std::size_t>(from.height));
  along(whole_taps_of(from.width, width, filter), from.pixels.data(), {channels, old_row}, wide.pixels.data(),
        {channels, row}, static_cast<std::size_t>(from.height), channels);
  Image made{height, width, from.channels};
  made.name = from.name;
  made.pixels.resize(row * static_cast<std::size_t>(height));
  along(whole_taps_of(from.height, height, filter), wide.pixels.data(), {row, channels}, made.pixels.data(),
        {row, channels}, static_cast<std::size_t>(width), channels);
  return made;
}

}  // namespace dagfusion
