// The section `sweep` of a file: which runs it means.
//
//   sweep:
//     axes:
//       loss:                                   # named cases: what differs in each
//         mse: {}
//         huber: {replace: {loss: {type: huber_loss}}}
//       diffusion.schedule: [linear, cosine]    # or a path and its values
//     seeds: [1, 2, 3]                          # run.seed of each cell's runs
//     exclude: [{loss: huber, schedule: linear}]
//     baseline: {loss: mse, schedule: linear}   # what the others are compared with; the first cell otherwise
//     metric: {file: distance.csv, column: distance, better: smaller}    # of a node that all cells share
//     output: runs/ablate                       # runs/NAME-OF-THE-FILE otherwise
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/check/check.h"
#include "graph/compose/change.h"

namespace dagfusion {

struct SweepMetric {
  std::string file, column;  // file: in the run's directory, or in that of its newest preview
  bool larger_is_better = false;
  Position where, file_where, column_where;
};

struct SweepCell {
  std::string name;                          // "loss=huber,schedule=linear"
  std::map<std::string, std::string> cases;  // by axis
  std::vector<Change> changes;
};

struct SweepPlan {
  std::vector<std::string> axes;
  std::vector<SweepCell> cells;
  std::size_t baseline = 0;
  std::vector<std::int64_t> seeds;
  SweepMetric metric;
  std::string output;
};

// Throws UserError. `file`: for the default of `output`.
SweepPlan read_sweep(const Tree& sweep, const std::filesystem::path& file);

// The seed and the directory of each run are the sweep's own: a fault when a change sets them.
void refuse_own_values(const Change&);

// A fault when no node of the checked cell writes the metric.
void refuse_missing_metric(const SweepMetric&, const Checked& cell);

// A loss of another kind, or of another schedule, is another scale: a fault when the metric
// is a number of the training whose node, or a section of these types, differs between cells.
void refuse_other_scales(const SweepPlan&, const std::vector<Tree>& files, const Catalog&);

}  // namespace dagfusion
