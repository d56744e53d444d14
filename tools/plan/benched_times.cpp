#include "tools/plan/benched_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/document/fault.h"

namespace dagfusion {

namespace {

std::string node_of(const Checked& checked, const Task& task) {
  return task.visits.empty() ? task.name : checked.nodes[task.visits.front().node].path;
}

}  // namespace

BenchedTimes::BenchedTimes(const std::string& file, const Checked& checked) : file_(file) {
  std::ifstream stream(file);
  if (!stream)
    throw UserError(
        {file}, "--times: there is no such file; `run-pipeline bench FILE --json > times.json` makes one");
  try {
    const nlohmann::json read = nlohmann::json::parse(stream);
    batch_size_ = read.at("batch_size");
    micro_batch_ = read.at("micro_batch");
    images_per_second_ = read.value("images_per_second", 0.0);
    for (const nlohmann::json& node : read.at("nodes"))
      nodes_[node.at("name")] = {.forward = node.value("forward_ms", 0.0),
                                 .backward = node.value("backward_ms", 0.0),
                                 .weight_gradient = node.value("weight_gradient_ms", 0.0),
                                 .step = node.value("step_ms", 0.0)};
  } catch (const nlohmann::json::exception&) {
    throw UserError({file}, "--times: is not what `run-pipeline bench FILE --json` writes");
  }
  if (batch_size_ != checked.run.batch_size || micro_batch_ != checked.run.micro_batch)
    throw UserError(
        {file},
        fmt::format("--times: measured with batches of {} in frames of {}, and this pipeline has {} in {}",
                    batch_size_, micro_batch_, checked.run.batch_size, checked.run.micro_batch));
}

std::vector<double> BenchedTimes::seconds(const Checked& checked, const Plan& plan) const {
  std::vector<double> all;
  for (const Task& task : plan.tasks) all.push_back(seconds_of(checked, task));
  if (std::ranges::all_of(all, [](double s) { return s == 0; }))
    throw UserError({file_}, "--times: names none of this pipeline's nodes");
  return all;
}

double BenchedTimes::update_seconds(const Checked& checked, const Plan& plan) const {
  double all = 0;
  for (const int t : plan.steps) {
    const Task& task = plan.tasks[static_cast<std::size_t>(t)];
    if (checked.nodes[task.visits.front().node].type->phase == Phase::write) all += seconds_of(checked, task);
  }
  return all;
}

double BenchedTimes::seconds_of(const Checked& checked, const Task& task) const {
  const double frame = static_cast<double>(micro_batch_) / 1e3, step = static_cast<double>(batch_size_) / 1e3;
  switch (task.kind) {
    case Task::Kind::sum_gradients:
      return frame * of(task.name).backward;
    case Task::Kind::step:
      return step * of(node_of(checked, task)).step;
    case Task::Kind::accumulate:
      return frame * of(node_of(checked, task)).weight_gradient;
    case Task::Kind::backward:
      return frame * of(node_of(checked, task)).backward;
    case Task::Kind::forward:
    case Task::Kind::ordered:
      return frame * of(node_of(checked, task)).forward;
    default:
      return 0;
  }
}

BenchedTimes::NodeTimes BenchedTimes::of(const std::string& node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? NodeTimes{} : found->second;
}

}  // namespace dagfusion
