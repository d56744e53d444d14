#include "graph/run/task_clock.h"

#include <algorithm>

#include "graph/plan/work.h"
#include "graph/values/clock.h"

namespace dagfusion {

const std::string& type_of(const Checked& checked, const Task& task) {
  static const std::string engine = "engine";
  return task.visits.empty() ? engine : checked.nodes[task.visits[0].node].type->name;
}

const std::string& node_of(const Checked& checked, const Task& task) {
  return task.visits.empty() ? task.name : checked.nodes[task.visits[0].node].path;
}

TaskTime::Part part_of(const Task& task) {
  switch (task.kind) {
    case Task::Kind::forward:
    case Task::Kind::ahead:
    case Task::Kind::ordered:
      return TaskTime::Part::forward;
    case Task::Kind::again:
    case Task::Kind::backward:
    case Task::Kind::sum_gradients:
      return TaskTime::Part::backward;
    case Task::Kind::accumulate:
      return TaskTime::Part::weight_gradient;
    default:
      return TaskTime::Part::other;
  }
}

std::int64_t ready_at(const Task& task, const Frame& frame) {
  if (task.kind == Task::Kind::loop_head && frame.iteration[task.loop] > 0) return 0;
  std::int64_t ready = 0;
  for (const int b : task.before) ready = std::max(ready, frame.done_at[b].load(std::memory_order_relaxed));
  return ready;
}

void TaskClock::done(int task, Frame& frame, std::int64_t begin) noexcept {
  const std::int64_t ready = ready_at(plan_.tasks[task], frame), end = clock_now();
  frame.done_at[task].store(end, std::memory_order_relaxed);
  Cost& cost = costs_[task];
  cost.calls.fetch_add(1, std::memory_order_relaxed);
  cost.nanoseconds.fetch_add(end - begin, std::memory_order_relaxed);
  if (ready > 0) cost.waited.fetch_add(std::max<std::int64_t>(begin - ready, 0), std::memory_order_relaxed);
}

namespace {

bool every_frame_passes(const Task& task) {
  return task.kind == Task::Kind::forward || task.kind == Task::Kind::ordered;
}

}  // namespace

std::int64_t TaskClock::visits() const {
  std::int64_t sum = 0;
  for (std::size_t t = 0; t < plan_.tasks.size(); ++t)
    if (every_frame_passes(plan_.tasks[t])) sum += costs_[t].calls.load(std::memory_order_relaxed);
  return sum;
}

std::int64_t TaskClock::visits_of_a_frame() const {
  std::int64_t sum = 0;
  for (const Task& task : plan_.tasks)
    if (every_frame_passes(task)) sum += task.loop >= 0 ? plan_.loops[task.loop].count : 1;
  return sum;
}

std::vector<TaskTime> TaskClock::times() const {
  std::vector<TaskTime> found;
  for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
    const Cost& cost = costs_[t];
    if (cost.calls == 0) continue;
    const Task& task = plan_.tasks[t];
    found.push_back({.name = task.name,
                     .type = type_of(checked_, task),
                     .node = node_of(checked_, task),
                     .part = part_of(task),
                     .in_model = task.admitted,
                     .calls = cost.calls,
                     .multiply_adds = multiply_adds(checked_, task),
                     .seconds = static_cast<double>(cost.nanoseconds) * 1e-9,
                     .waited = static_cast<double>(cost.waited) * 1e-9});
  }
  return found;
}

}  // namespace dagfusion
