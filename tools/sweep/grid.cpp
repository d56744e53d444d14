// The samples of a sweep over two axes as one picture: rows of the first, columns of the second.
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "nodes/files/decode.h"
#include "nodes/files/png_file.h"
#include "tools/sweep/report.h"

namespace dagfusion {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX, kGap = 6, kTextRoom = 20, kMostSide = 320;
constexpr double kTextSize = 0.45;

// The cases of an axis, in the order of the cells.
std::vector<std::string> cases_of(const SweepPlan& plan, const std::string& axis) {
  std::vector<std::string> cases;
  for (const SweepCell& cell : plan.cells)
    if (const std::string& name = cell.cases.at(axis);
        std::find(cases.begin(), cases.end(), name) == cases.end())
      cases.push_back(name);
  return cases;
}

// The first picture of a cell, no larger than a grid can carry; empty = none that can be read.
cv::Mat picture_of(const SweepRow& row) try {
  if (row.runs.empty() || row.runs.front().picture.empty()) return {};
  Image read = read_image(row.runs.front().picture, "", {});
  const cv::Mat whole(read.height, read.width, CV_8UC3, read.pixels.data());
  const double scale = static_cast<double>(kMostSide) / std::max(whole.rows, whole.cols);
  if (scale >= 1) return whole.clone();
  cv::Mat small;
  cv::resize(whole, small, {}, scale, scale, cv::INTER_AREA);
  return small;
} catch (const std::runtime_error&) {
  return {};
}

int width_of(const std::string& text) { return cv::getTextSize(text, kFont, kTextSize, 1, nullptr).width; }

void write(const cv::Mat& canvas, const std::string& text, int left, int bottom) {
  cv::putText(canvas, text, {left, bottom}, kFont, kTextSize, {0, 0, 0}, 1, cv::LINE_AA);
}

// "steps" of "denoise/each.steps".
std::string short_name(const std::string& axis) { return axis.substr(axis.find_last_of("./") + 1); }

}  // namespace

std::string grid_png(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  if (plan.axes.size() != 2) return {};
  const std::vector<std::string> down = cases_of(plan, plan.axes[0]), across = cases_of(plan, plan.axes[1]);
  std::vector<cv::Mat> pictures;
  cv::Size most(0, 0);
  for (const SweepRow& row : rows) {
    pictures.push_back(picture_of(row));
    most = {std::max(most.width, pictures.back().cols), std::max(most.height, pictures.back().rows)};
  }
  if (most.width == 0) return {};
  int left = width_of(short_name(plan.axes[0]));
  for (const std::string& name : down) left = std::max(left, width_of(name));
  left += 2 * kGap;
  const int top = 2 * kTextRoom, column = std::max(most.width, kTextRoom) + kGap, line = most.height + kGap;
  cv::Mat canvas(top + line * static_cast<int>(down.size()), left + column * static_cast<int>(across.size()),
                 CV_8UC3, cv::Scalar::all(255));
  write(canvas, short_name(plan.axes[1]), left, kTextRoom - kGap);
  write(canvas, short_name(plan.axes[0]), kGap, top - kGap);
  for (std::size_t x = 0; x < across.size(); ++x)
    write(canvas, across[x], left + column * static_cast<int>(x), top - kGap);
  for (std::size_t y = 0; y < down.size(); ++y)
    write(canvas, down[y], kGap, top + line * static_cast<int>(y) + kTextRoom);
  for (std::size_t c = 0; c < rows.size(); ++c) {
    if (pictures[c].empty()) continue;
    const auto place = [&](const std::vector<std::string>& all, std::size_t axis) {
      return static_cast<int>(std::find(all.begin(), all.end(), plan.cells[c].cases.at(plan.axes[axis])) -
                              all.begin());
    };
    pictures[c].copyTo(canvas(cv::Rect(left + column * place(across, 1), top + line * place(down, 0),
                                       pictures[c].cols, pictures[c].rows)));
  }
  const std::vector<std::uint8_t> png =
      encoded_png({canvas.data, canvas.total() * canvas.elemSize()}, canvas.rows, canvas.cols, 3);
  return {png.begin(), png.end()};
}

}  // namespace dagfusion
