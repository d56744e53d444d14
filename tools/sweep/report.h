// What the runs of a sweep have shown: read back from their directories, compared in pairs of equal seeds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/sweep/paired.h"
#include "tools/sweep/plan.h"

namespace dagfusion {

struct SweepRun {
  std::filesystem::path directory;
  std::optional<double> metric;
  std::vector<std::pair<double, double>> curve;  // step, loss: of metrics.csv
  std::filesystem::path picture;                 // samples.png of the newest preview; empty = none
};

struct SweepRow {
  std::string cell;
  std::vector<SweepRun> runs;  // by seed
  Interval metric;             // over the seeds
  Interval difference;         // to the baseline, paired by seed
};

// The directory of one run of a cell: output/CELL/seed-N.
std::filesystem::path cell_directory(const std::filesystem::path& sweep, const SweepCell&, std::int64_t seed);

// What lies in the newest run below; a UserError when the metric's file or column is missing.
SweepRun read_run(const std::filesystem::path& cell_directory, const SweepMetric&);

// The same of a run that failed: its metric is none, and it may not even have a directory.
SweepRun read_failed_run(const std::filesystem::path& cell_directory);

std::vector<SweepRow> compare(const SweepPlan&, const std::vector<std::vector<SweepRun>>& runs_by_cell);

// "0.0123", "+0.0123 [-0.01, +0.03]"; "none" when no run, or no pair of runs, has a metric.
std::string mean_in_words(const Interval&);
std::string difference_in_words(const Interval&);

std::string report_text(const SweepPlan&, const std::vector<SweepRow>&);
std::string report_csv(const SweepPlan&, const std::vector<SweepRow>&);
// Of two axes: a PNG of all cells' samples, rows of the first axis, columns of the second; else empty. (grid.cpp)
std::string grid_png(const SweepPlan&, const std::vector<SweepRow>&);
// One page that needs no network: the table, the loss curves, the pictures side by side, or in that grid. (html.cpp)
std::string report_html(const SweepPlan&, const std::vector<SweepRow>&, const std::string& title,
                        const std::string& grid = {});

}  // namespace dagfusion
