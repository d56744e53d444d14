// A catalog of small nodes with which the engine is tested by itself, and what those nodes have seen.
//
//   numbers -> [N,W]        add_one, scale, square, sum, flaky: [N,W] -> [N,W]        mean: [N,W] -> loss
//   total, total_ahead, sink: ordered    note, look, save: per step    descend: an optimiser    average: keeps weights
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "graph/check/check.h"
#include "graph/plan/plan.h"
#include "graph/run/run.h"

namespace dagfusion::tiny {

const Catalog& catalog();

// What the nodes of the last run saw. Sinks and step nodes write here, under their names.
struct Seen {
  std::mutex mutex;
  std::map<std::string, std::vector<std::int64_t>> positions;  // of each frame, in the order of the visits
  std::map<std::string, std::vector<std::vector<float>>> values;
  std::vector<std::string> steps;     // "save 3": step nodes and inner pipelines, in the order they ran
  std::vector<std::string> finished;  // nodes whose finish() was called, with their directory
  std::atomic<int> alive{0}, most_alive{0};  // frames between `numbers` and a sink
  std::function<void(const std::string& node, std::int64_t step)> on_step;  // called by step nodes

  void clear();
};
Seen& seen();

// Checks a pipeline of tiny nodes, "test.yaml".
Checked check_text(const std::string& yaml, CheckOptions options = {});
// The same, planned.
Planned plan_text(const std::string& yaml, CheckOptions options = {});
// Every fault of both, one a line; "" when it has none.
std::string faults_of(const std::string& yaml, CheckOptions options = {});

struct Outcome {
  Report report;
  std::string error;           // of the RunError, if there was one
  std::vector<float> weights;  // at the end
};
Outcome run_text(const std::string& yaml, RunOptions options = {.threads = 2});
Outcome run_planned(Planned, RunOptions options);

}  // namespace dagfusion::tiny
