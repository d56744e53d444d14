// The report of a sweep as one page that needs no network.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nodes/files/durable.h"
#include "tools/report/buckets.h"
#include "tools/report/live_report.h"
#include "tools/report/page.h"
#include "tools/show/base64.h"
#include "tools/show/words.h"
#include "tools/sweep/report.h"

namespace dagfusion {

namespace {

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

// Means over the seeds that have logged losses, at the steps of the first one.
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
  return mean;
}

// [{name, step: [...], loss: [...]}], in at most so many points each.
nlohmann::ordered_json curves(const std::vector<SweepRow>& rows) {
  constexpr std::size_t kMostPoints = 800;
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const SweepRow& row : rows) {
    const std::vector<std::pair<double, double>> curve = mean_curve(row);
    std::vector<double> losses;
    for (const auto& [step, loss] : curve) losses.push_back(loss);
    const std::size_t points = buckets_of(curve.size(), kMostPoints);
    nlohmann::ordered_json cell = {{"name", row.cell}, {"step", nlohmann::ordered_json::array()}};
    for (std::size_t b = 0; b < points; ++b)
      cell["step"].push_back(curve[end_of_bucket(b, points, curve.size()) - 1].first);
    cell["loss"] = in_buckets(losses, points).mean;
    cells.push_back(std::move(cell));
  }
  return cells;
}

// Every cell's difference to the baseline as a point with its interval.
std::string interval_bar(const Interval& d, double reach) {
  constexpr double kWidth = 220, kHeight = 18;
  const auto x = [&](double v) { return kWidth / 2 + std::clamp(v / reach, -1.0, 1.0) * (kWidth / 2 - 6); };
  return fmt::format(
      "<svg width=\"{}\" height=\"{}\"><line class=\"grid\" x1=\"{}\" y1=\"0\" x2=\"{}\" y2=\"{}\"/>"
      "<line x1=\"{:.1f}\" y1=\"9\" x2=\"{:.1f}\" y2=\"9\" class=\"interval\"/>"
      "<circle cx=\"{:.1f}\" cy=\"9\" r=\"4\" class=\"middle\"/></svg>",
      kWidth, kHeight, kWidth / 2, kWidth / 2, kHeight, x(d.low), x(d.high), x(d.mean));
}

// The run's own report, from where that of the sweep lies.
std::string linked(const SweepRun& run, const std::string& text) {
  std::error_code none;
  if (!std::filesystem::exists(run.directory / kReport, none)) return text;
  const std::filesystem::path sweep = run.directory.parent_path().parent_path().parent_path();
  std::string address;
  for (const char c : (run.directory / kReport).lexically_relative(sweep).string())
    address += std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '-' || c == '_' || c == '.'
                   ? std::string(1, c)
                   : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return fmt::format("<a href=\"{}\">{}</a>", address, text);
}

std::string table(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  double reach = 1e-12;
  for (std::size_t c = 0; c < rows.size(); ++c)
    for (const double v : {rows[c].difference.mean, rows[c].difference.low, rows[c].difference.high})
      if (c != plan.baseline && std::isfinite(v)) reach = std::max(reach, std::fabs(v));
  std::string html = fmt::format(
      "<div class=\"scroll\"><table><tr><th></th><th>cell</th><th>{}</th><th>by seed</th><th "
      "colspan=\"2\">difference to the "
      "baseline, 95 %</th></tr>\n",
      escaped(plan.metric.column));
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const Interval& d = rows[c].difference;
    std::string seeds;
    for (const SweepRun& run : rows[c].runs)
      seeds += (seeds.empty() ? "" : ", ") +
               linked(run, run.metric ? fmt::format("{:.4g}", *run.metric) : std::string("none"));
    const std::string difference = c == plan.baseline ? "the baseline" : difference_in_words(d);
    html += fmt::format(
        "<tr><td><span class=\"dot\" data-colour=\"{}\"></span></td><td>{}</td><td "
        "class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        c, breakable(rows[c].cell), mean_in_words(rows[c].metric), seeds, difference,
        c == plan.baseline || d.count == 0 ? "" : interval_bar(d, reach));
  }
  return html + "</table></div>\n";
}

std::string pictures(const std::vector<SweepRow>& rows, const std::string& grid) {
  if (!grid.empty())
    return fmt::format("<p><img alt=\"samples of all cells\" src=\"{}\"/></p>\n", png_in_page(grid));
  std::string html = "<div class=\"pictures\">\n";
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const auto& runs = rows[c].runs;
    if (runs.empty() || runs.front().picture.empty()) continue;
    html += fmt::format(
        "<figure><img alt=\"samples of {}\" src=\"{}\"/><figcaption><span class=\"dot\" "
        "data-colour=\"{}\"></span> {}</figcaption></figure>\n",
        escaped(rows[c].cell), png_in_page(read_text(runs.front().picture)), c, breakable(rows[c].cell));
  }
  return html + "</div>\n";
}

}  // namespace

std::string report_html(const SweepPlan& plan, const std::vector<SweepRow>& rows, const std::string& title,
                        const std::string& grid) {
  std::string body = fmt::format("<header><h1>{}</h1></header>\n", escaped(title));
  body += fmt::format(
      "<p>{} cells, {} seeds. {} is better. Runs of one seed have the same batches, timesteps and noise, so "
      "differences are taken seed by seed; the intervals are Student's t.</p>\n",
      rows.size(), plan.seeds.size(), plan.metric.larger_is_better ? "Larger" : "Smaller");
  body += table(plan, rows);
  body +=
      "<h2>Loss in training</h2>\n<p>Mean over the seeds. Losses of two kinds, or of two schedules, are on "
      "different scales: compare shapes, not heights.</p>\n<div id=\"curves\"></div>\n";
  body += fmt::format("<h2>Samples</h2>\n<p>Of seed {}, at the end.</p>\n", plan.seeds.front()) +
          pictures(rows, grid);
  return page_of(title, {{"cells", curves(rows)}}, assets::report_css, {assets::charts_js, assets::sweep_js},
                 body);
}

}  // namespace dagfusion
