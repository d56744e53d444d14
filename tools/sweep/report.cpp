#include "tools/sweep/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/files/run_directory.h"
#include "tools/report/csv_table.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// The file in the run's directory, or in that of its newest preview; empty = none.
fs::path find_file(const fs::path& run, const std::string& name) {
  if (fs::exists(run / name)) return run / name;
  std::vector<fs::path> previews;
  std::error_code none;
  for (const auto& e : fs::directory_iterator(run / "previews", none))
    if (fs::exists(e.path() / name)) previews.push_back(e.path() / name);
  return previews.empty() ? fs::path() : *std::max_element(previews.begin(), previews.end());
}

std::vector<std::pair<double, double>> loss_curve(const fs::path& run) {
  std::vector<std::pair<double, double>> curve;
  if (!fs::exists(run / "metrics.csv")) return curve;
  const CsvTable table = read_csv(run / "metrics.csv", "step");
  const auto step = table.find("step"), loss = table.find("loss");
  if (!step || !loss) return curve;
  for (std::size_t row = 0; row < table.rows(); ++row)
    if (const double y = table.values[*loss][row]; std::isfinite(y))
      curve.emplace_back(table.values[*step][row], y);
  return curve;
}

}  // namespace

fs::path cell_directory(const fs::path& sweep, const SweepCell& cell, std::int64_t seed) {
  return sweep / cell.name / fmt::format("seed-{}", seed);
}

SweepRun read_failed_run(const fs::path& cell) {
  const std::optional<fs::path> run = RunDirectory::newest(cell);
  if (!run) return {};
  return {
      .directory = *run, .metric = {}, .curve = loss_curve(*run), .picture = find_file(*run, "samples.png")};
}

SweepRun read_run(const fs::path& cell, const SweepMetric& metric) {
  const std::optional<fs::path> run = RunDirectory::newest(cell);
  if (!run) throw UserError({}, fmt::format("there is no run below {}", cell.string()));
  SweepRun read = read_failed_run(cell);
  const fs::path file = find_file(*run, metric.file);
  if (file.empty())
    throw UserError(metric.where,
                    fmt::format("the metric's file '{}' is neither in {} nor below its previews", metric.file,
                                run->string()));
  const CsvTable table = read_csv(file);
  const auto column = table.find(metric.column);
  if (!column)
    throw UserError(metric.where, fmt::format("{} has no column '{}'{}", file.string(), metric.column,
                                              suggestion(metric.column, table.columns)));
  for (const double value : table.values[*column])  // the last that there is
    if (!std::isnan(value)) read.metric = value;
  return read;
}

std::vector<SweepRow> compare(const SweepPlan& plan, const std::vector<std::vector<SweepRun>>& runs) {
  std::vector<SweepRow> rows;
  for (std::size_t c = 0; c < plan.cells.size(); ++c) {
    std::vector<double> values, differences;
    for (std::size_t s = 0; s < plan.seeds.size(); ++s) {
      const auto &here = runs[c][s].metric, &there = runs[plan.baseline][s].metric;
      if (here) values.push_back(*here);
      if (here && there) differences.push_back(*here - *there);
    }
    rows.push_back({plan.cells[c].name, runs[c], interval_of(values), interval_of(differences)});
  }
  return rows;
}

namespace {

// Whether the interval leaves out 0: better, worse, or neither.
std::string verdict(const SweepPlan& plan, std::size_t row, const Interval& d) {
  if (row == plan.baseline) return "the baseline";
  if (d.count == 0) return "nothing to compare";
  if (d.count < 2) return "too few seeds to say";
  if (d.low <= 0 && d.high >= 0) return "no difference seen";
  return (d.mean > 0) == plan.metric.larger_is_better ? "better" : "worse";
}

}  // namespace

std::string mean_in_words(const Interval& metric) {
  return metric.count == 0 ? "none" : fmt::format("{:.4g}", metric.mean);
}

std::string difference_in_words(const Interval& d) {
  if (d.count == 0) return "none";
  if (d.count < 2) return fmt::format("{:+.4g}", d.mean);
  return fmt::format("{:+.4g} [{:+.4g}, {:+.4g}]", d.mean, d.low, d.high);
}

std::string report_text(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  std::size_t width = 4;
  for (const SweepRow& r : rows) width = std::max(width, r.cell.size());
  std::string text =
      fmt::format("{:<{}}  {:>10}  {:>24}\n", "cell", width, plan.metric.column, "difference (95 %)");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Interval& d = rows[i].difference;
    const std::string difference = i == plan.baseline ? "" : difference_in_words(d);
    text += fmt::format("{:<{}}  {:>10}  {:>24}  {}\n", rows[i].cell, width, mean_in_words(rows[i].metric),
                        difference, verdict(plan, i, d));
  }
  return text +
         fmt::format(
             "{} is the mean over {} seeds, {} is better; differences are paired by seed, with Student's t\n",
             plan.metric.column, plan.seeds.size(), plan.metric.larger_is_better ? "larger" : "smaller");
}

std::string report_csv(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  std::string text;
  for (const std::string& axis : plan.axes) text += axis + ",";
  text += fmt::format("seed,{},difference,directory\n", plan.metric.column);
  for (std::size_t c = 0; c < rows.size(); ++c)
    for (std::size_t s = 0; s < plan.seeds.size(); ++s) {
      const SweepRun& run = rows[c].runs[s];
      const std::optional<double>& base = rows[plan.baseline].runs[s].metric;
      for (const std::string& axis : plan.axes) text += plan.cells[c].cases.at(axis) + ",";
      text += fmt::format("{},{},{},{}\n", plan.seeds[s], run.metric ? fmt::format("{}", *run.metric) : "",
                          run.metric && base ? fmt::format("{:.9g}", *run.metric - *base) : "",
                          run.directory.string());
    }
  return text;
}

}  // namespace dagfusion
