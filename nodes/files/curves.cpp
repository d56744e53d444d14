#include "nodes/files/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nodes/files/markup.h"

namespace dagfusion {
namespace {

constexpr int kWidth = 440, kHeight = 280, kTitle = 36;  // of a plot, and of the title above all
const char* const kColours[] = {"#1f5fbf", "#c2471b", "#3a7d2c", "#8468b3"};

struct Range {
  double low, high;
};

Range range_of(const Plot& plot) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Curve& curve : plot.curves)
    for (const double y : curve.values) {
      if (!std::isfinite(y)) continue;
      range.low = std::min(range.low, y);
      range.high = std::max(range.high, y);
    }
  if (!std::isfinite(range.low)) range.low = 0;
  if (!(range.low < range.high)) range.high = range.low + 1;
  return range;
}

// A plot in its place on the page.
class Frame {
 public:
  Frame(std::size_t place, std::size_t values, Range range)
      : left_(double(place % 2) * kWidth + 60),
        top_(kTitle + double(place / 2) * kHeight + 30),
        values_(values),
        range_(range) {}

  std::string axes(const std::string& title, const std::vector<double>& along) const {
    constexpr int kMarks = 4;
    std::string svg =
        fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"13\">{}</text>\n", left_, top_ - 10, escaped(title));
    for (std::size_t k = 0; k <= kMarks; ++k) {
      const double y = range_.low + (range_.high - range_.low) * double(k) / kMarks;
      const std::size_t i = (values_ - 1) * k / kMarks;
      svg += fmt::format(
          "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/><text x=\"{3}\" "
          "y=\"{4:.1f}\" text-anchor=\"end\">{5:.3g}</text><text x=\"{6:.1f}\" y=\"{7}\" "
          "text-anchor=\"middle\">{8:.4g}</text>\n",
          left_, y_of(y), left_ + kInner, left_ - 6, y_of(y) + 4, y, x_of(i), top_ + kDepth + 16, along[i]);
    }
    return svg;
  }

  std::string curve(const Curve& curve, std::size_t number, std::size_t of) const {
    std::string points;
    for (std::size_t i = 0; i < curve.values.size(); ++i)
      if (std::isfinite(curve.values[i]))
        points += fmt::format("{:.1f},{:.1f} ", x_of(i), y_of(curve.values[i]));
    const char* colour = kColours[number % std::size(kColours)];
    return fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke-width=\"1.8\" stroke=\"{}\"/>\n<text x=\"{}\" y=\"{}\" "
        "fill=\"{}\" text-anchor=\"end\">{}</text>\n",
        points, colour, left_ + kInner, top_ - 10 - 14 * double(of - 1 - number), colour,
        escaped(curve.name));
  }

 private:
  static constexpr double kInner = kWidth - 80, kDepth = kHeight - 70;
  double x_of(std::size_t i) const {
    return left_ + (values_ > 1 ? kInner * double(i) / double(values_ - 1) : 0);
  }
  double y_of(double y) const { return top_ + kDepth * (range_.high - y) / (range_.high - range_.low); }

  double left_, top_;
  std::size_t values_;
  Range range_;
};

}  // namespace

std::string curves_svg(const std::string& title, const std::vector<double>& along,
                       const std::vector<Plot>& plots) {
  const int columns = plots.size() > 1 ? 2 : 1, rows = static_cast<int>(plots.size() + 1) / 2;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "<text x=\"16\" y=\"22\" font-size=\"15\">{2}</text>\n",
      columns * kWidth, rows * kHeight + kTitle, escaped(title));
  for (std::size_t p = 0; p < plots.size(); ++p) {
    const Frame frame(p, along.size(), range_of(plots[p]));
    svg += frame.axes(plots[p].title, along);
    for (std::size_t c = 0; c < plots[p].curves.size(); ++c)
      svg += frame.curve(plots[p].curves[c], c, plots[p].curves.size());
  }
  return svg + "</svg>\n";
}

}  // namespace dagfusion
