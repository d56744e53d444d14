// The report of a sweep as one page that needs no network.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "nodes/files/durable.h"
#include "tools/show/base64.h"
#include "tools/show/words.h"
#include "tools/sweep/report.h"
#include "tools/sweep/ticks.h"

namespace dagfusion {

namespace {

constexpr std::array<const char*, 8> kColours = {"#3366cc", "#dc3912", "#109618", "#990099",
                                                 "#ff9900", "#0099c6", "#66aa00", "#b82e2e"};

// The name of a cell, which a narrow column may break behind signs: the rest of a row is not to be pushed out.
std::string breakable(const std::string& cell) {
  std::string html;
  std::string part;
  for (const char c : cell) {
    part += c;
    if (std::isalnum(static_cast<unsigned char>(c))) continue;
    html += escaped(part) + "<wbr>";
    part.clear();
  }
  return html + escaped(part);
}

const char* colour(std::size_t cell) { return kColours[cell % kColours.size()]; }

// Means over the seeds that have logged losses, at the steps of the first one, smoothed over a twentieth of them.
std::vector<std::pair<double, double>> mean_curve(const SweepRow& row) {
  std::vector<std::pair<double, double>> mean;
  double seeds = 0;
  for (const SweepRun& run : row.runs) {
    if (run.curve.empty()) continue;
    if (++seeds == 1)
      mean = run.curve;
    else
      for (std::size_t i = 0; i < std::min(mean.size(), run.curve.size()); ++i)
        mean[i].second += run.curve[i].second;
    mean.resize(std::min(mean.size(), run.curve.size()));
  }
  for (auto& [step, loss] : mean) loss /= seeds;
  const std::size_t window = std::max<std::size_t>(1, mean.size() / 20);
  std::vector<std::pair<double, double>> smooth;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const std::size_t first = i + 1 > window ? i + 1 - window : 0;
    double sum = 0;
    for (std::size_t k = first; k <= i; ++k) sum += mean[k].second;
    smooth.emplace_back(mean[i].first, sum / static_cast<double>(i + 1 - first));
  }
  return smooth;
}

// Loss, on a logarithmic axis, against steps.
std::string curves(const std::vector<SweepRow>& rows) {
  constexpr double kWidth = 720, kHeight = 320, kLeft = 76, kBottom = 40, kTop = 12, kRight = 16;
  constexpr int kMostTicks = 6;
  constexpr double kMargin = 0.01;  // above and below, in powers of ten
  std::vector<std::vector<std::pair<double, double>>> all;
  double last = 1, low = INFINITY, high = -INFINITY;
  for (const SweepRow& row : rows) {
    all.push_back(mean_curve(row));
    for (const auto& [step, loss] : all.back()) {
      if (loss <= 0) continue;
      last = std::max(last, step);
      low = std::min(low, std::log10(loss));
      high = std::max(high, std::log10(loss));
    }
  }
  if (!(low < high)) return "<p>No losses are logged in metrics.csv.</p>\n";
  low -= kMargin, high += kMargin;
  const auto x = [&](double step) { return kLeft + step / last * (kWidth - kLeft - kRight); };
  const auto y = [&](double log) { return kTop + (high - log) / (high - low) * (kHeight - kTop - kBottom); };
  std::string svg = fmt::format(
      "<svg class=\"plot\" viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\" aria-label=\"loss against "
      "steps\">\n",
      kWidth, kHeight, kWidth);
  for (const double loss : log_ticks(std::pow(10, low), std::pow(10, high), kMostTicks)) {
    const double at = y(std::log10(loss));
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>\n",
        kLeft, at, kWidth - kRight, at, kLeft - 6, at + 4, loss);
  }
  for (const double step : round_ticks(0, last, kMostTicks, 1))
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", x(step),
                       kHeight - kBottom + 16, step);
  svg += fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n"
      "<text x=\"14\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {})\">loss, "
      "logarithmic</text>\n",
      (kLeft + kWidth - kRight) / 2, kHeight - 6, kHeight / 2, kHeight / 2);
  for (std::size_t c = 0; c < all.size(); ++c) {
    std::string points;
    for (const auto& [step, loss] : all[c])
      if (loss > 0) points += fmt::format("{:.1f},{:.1f} ", x(step), y(std::log10(loss)));
    svg += fmt::format("<polyline points=\"{}\" stroke=\"{}\"><title>{}</title></polyline>\n", points,
                       colour(c), escaped(rows[c].cell));
  }
  return svg + "</svg>\n";
}

// Every cell's difference to the baseline as a point with its interval.
std::string interval_bar(const Interval& d, double reach) {
  constexpr double kWidth = 220, kHeight = 18;
  const auto x = [&](double v) { return kWidth / 2 + std::clamp(v / reach, -1.0, 1.0) * (kWidth / 2 - 6); };
  return fmt::format(
      "<svg width=\"{}\" height=\"{}\"><line class=\"grid\" x1=\"{}\" y1=\"0\" x2=\"{}\" y2=\"{}\"/>"
      "<line x1=\"{:.1f}\" y1=\"9\" x2=\"{:.1f}\" y2=\"9\" stroke=\"#333\" stroke-width=\"2\"/>"
      "<circle cx=\"{:.1f}\" cy=\"9\" r=\"4\" fill=\"#333\"/></svg>",
      kWidth, kHeight, kWidth / 2, kWidth / 2, kHeight, x(d.low), x(d.high), x(d.mean));
}

std::string table(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  double reach = 1e-12;
  for (std::size_t c = 0; c < rows.size(); ++c)
    for (const double v : {rows[c].difference.mean, rows[c].difference.low, rows[c].difference.high})
      if (c != plan.baseline && std::isfinite(v)) reach = std::max(reach, std::fabs(v));
  std::string html = fmt::format(
      "<div class=\"wide\"><table><tr><th></th><th>cell</th><th>{}</th><th>by seed</th><th "
      "colspan=\"2\">difference to the "
      "baseline, 95 %</th></tr>\n",
      escaped(plan.metric.column));
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const Interval& d = rows[c].difference;
    std::string seeds;
    for (const SweepRun& run : rows[c].runs)
      seeds += (seeds.empty() ? "" : ", ") +
               (run.metric ? fmt::format("{:.4g}", *run.metric) : std::string("none"));
    const std::string difference = c == plan.baseline ? "the baseline" : difference_in_words(d);
    html += fmt::format(
        "<tr><td><span class=\"dot\" style=\"background:{}\"></span></td><td>{}</td><td "
        "class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        colour(c), breakable(rows[c].cell), mean_in_words(rows[c].metric), seeds, difference,
        c == plan.baseline || d.count == 0 ? "" : interval_bar(d, reach));
  }
  return html + "</table></div>\n";
}

std::string pictures(const std::vector<SweepRow>& rows) {
  std::string html = "<div class=\"pictures\">\n";
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const auto& runs = rows[c].runs;
    if (runs.empty() || runs.front().picture.empty()) continue;
    html += fmt::format(
        "<figure><img alt=\"samples of {}\" src=\"{}\"/><figcaption><span "
        "class=\"dot\" "
        "style=\"background:{}\"></span> {}</figcaption></figure>\n",
        escaped(rows[c].cell), png_in_page(read_text(runs.front().picture)), colour(c),
        breakable(rows[c].cell));
  }
  return html + "</div>\n";
}

constexpr const char* kStyle = R"(
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 980px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
svg.plot { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #ddd; }
td.n { font-variant-numeric: tabular-nums; }
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 50%; }
svg text { font-size: 12px; fill: #555; } svg .grid { stroke: #ddd; } polyline { fill: none; stroke-width: 1.8; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 16px; }
figure { margin: 0; min-width: 0; } img { width: 100%; image-rendering: pixelated; border: 1px solid #ccc; }
figcaption { font-size: 13px; overflow-wrap: anywhere; }
)";

}  // namespace

std::string report_html(const SweepPlan& plan, const std::vector<SweepRow>& rows, const std::string& title) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>{0}</title><style>{1}"
      "</style></head><body>\n<h1>{0}</h1>\n",
      escaped(title), kStyle);
  html += fmt::format(
      "<p>{} cells, {} seeds. {} is better. Runs of one seed have the same batches, timesteps and noise, so "
      "differences are taken seed by seed; the intervals are Student's t.</p>\n",
      rows.size(), plan.seeds.size(), plan.metric.larger_is_better ? "Larger" : "Smaller");
  html += table(plan, rows);
  html +=
      "<h2>Loss in training</h2>\n<p>Mean over the seeds, smoothed. Losses of two kinds, or of two "
      "schedules, are on "
      "different scales: compare shapes, not heights.</p>\n" +
      curves(rows);
  html +=
      fmt::format("<h2>Samples</h2>\n<p>Of seed {}, at the end.</p>\n", plan.seeds.front()) + pictures(rows);
  return html + "</body></html>\n";
}

}  // namespace dagfusion
