#include "tools/look/contact_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "nodes/files/png_file.h"
#include "tools/show/base64.h"
#include "tools/show/words.h"

namespace dagfusion {
namespace {

constexpr int kSide = 64, kGap = 4, kTextRoom = 18, kColumns = 12;
constexpr std::size_t kMostRows = 40, kWithoutClasses = 8;

// Which pictures stand in which row; without classes a few rows, evenly from the whole.
std::map<std::int32_t, std::vector<std::int64_t>> chosen(const LookedData& data) {
  std::map<std::int32_t, std::vector<std::int64_t>> rows;
  bool classes = false;
  for (std::int64_t i = 0; i < data.count; ++i) classes = classes || data.label(i) >= 0;
  if (!classes) {
    const std::int64_t shown =
        std::min<std::int64_t>(data.count, kColumns * static_cast<std::int64_t>(kWithoutClasses));
    for (std::int64_t i = 0; i < shown; ++i)
      rows[static_cast<std::int32_t>(i / kColumns)].push_back(i * data.count / shown);
    return rows;
  }
  for (std::int64_t i = 0; i < data.count; ++i) {
    std::vector<std::int64_t>& row = rows[data.label(i)];
    if (row.size() < kColumns) row.push_back(i);
  }
  while (rows.size() > kMostRows) rows.erase(std::prev(rows.end()));
  return rows;
}

// As large as fits, in the middle of its place.
void put(const Image& image, const cv::Mat& place) {
  cv::Mat picture(image.height, image.width, CV_8UC(image.channels),
                  const_cast<std::uint8_t*>(image.pixels.data())),
      small;
  if (image.channels == 1) {
    cv::Mat colour;
    cv::cvtColor(picture, colour, cv::COLOR_GRAY2RGB);
    picture = colour;
  }
  const double scale = static_cast<double>(kSide) / std::max(picture.rows, picture.cols);
  const cv::Size size(std::max(1, static_cast<int>(picture.cols * scale)),
                      std::max(1, static_cast<int>(picture.rows * scale)));
  cv::resize(picture, small, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_NEAREST);
  small.copyTo(place(cv::Rect((kSide - size.width) / 2, (kSide - size.height) / 2, size.width, size.height)));
}

}  // namespace

Sheet contact_sheet(const LookedData& data) {
  const auto rows = chosen(data);
  const int row_height = kSide + kTextRoom + kGap;
  Sheet sheet{.height = std::max(1, static_cast<int>(rows.size()) * row_height),
              .width = kColumns * (kSide + kGap) + kGap};
  sheet.pixels.assign(static_cast<std::size_t>(sheet.height) * static_cast<std::size_t>(sheet.width) * 3,
                      255);
  cv::Mat canvas(sheet.height, sheet.width, CV_8UC3, sheet.pixels.data());
  int top = 0;
  for (const auto& [label, pictures] : rows) {
    const auto number = static_cast<std::size_t>(label);
    const std::string name =
        label >= 0 && number < data.classes.size() ? fmt::format("{} {}", label, data.classes[number]) : "";
    cv::putText(canvas, name, {kGap, top + kTextRoom - 5}, cv::FONT_HERSHEY_SIMPLEX, 0.45, {0, 0, 0}, 1,
                cv::LINE_AA);
    int left = kGap;
    for (const std::int64_t picture : pictures) {
      try {
        put(data.read(picture), canvas(cv::Rect(left, top + kTextRoom, kSide, kSide)));
      } catch (const std::runtime_error&) {  // named in the report
        cv::line(canvas, {left, top + kTextRoom}, {left + kSide, top + kTextRoom + kSide}, {255, 0, 0});
      }
      left += kSide + kGap;
    }
    top += row_height;
  }
  return sheet;
}

std::string data_page(const std::string& title, const std::string& report, const Sheet& sheet) {
  const std::vector<std::uint8_t> png = encoded_png(sheet.pixels, sheet.height, sheet.width, 3);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<style>body{{font:15px "
      "sans-serif;margin:2em;max-width:60em}}pre{{background:#f4f4f4;padding:1em}}</style>\n"
      "<h1>{0}</h1>\n<pre>{1}</pre>\n<img alt=\"contact sheet\" "
      "src=\"data:image/png;base64,{2}\">\n</html>\n",
      escaped(title), escaped(report), base64(png));
}

}  // namespace dagfusion
