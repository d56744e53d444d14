#include "graph/run/due_steps.h"

#include <algorithm>

#include "graph/values/clock.h"

namespace dagfusion {

bool DueSteps::fires(int step_task, std::int64_t step) {
  const CheckedNode& node = node_of(step_task);
  const RunSettings& run = checked_.run;
  const std::int64_t last = run.training ? run.steps : checked_.frames_of_images();
  // What trains is not to depend on how many steps were asked for: the run may be made longer.
  const bool trains = run.training && node.type->phase == Phase::write;
  if (step + 1 == last && !trains) return true;
  if (node.every.seconds > 0) return fires_by_the_clock(step_task, step, node.every.seconds);
  return (step + 1) % node.every.steps == 0;
}

bool DueSteps::fires_by_the_clock(int step_task, std::int64_t step, double seconds) {
  const std::lock_guard lock(mutex_);
  std::map<std::int64_t, bool>& decided = decided_[step_task];
  if (const auto known = decided.find(step); known != decided.end()) return known->second;
  const std::int64_t now = clock_now();
  const auto [fired, first_time] = last_fired_.try_emplace(step_task, now);
  const bool fires = !first_time && static_cast<double>(now - fired->second) * 1e-9 >= seconds;
  if (fires) fired->second = now;
  return decided[step] = fires;
}

void DueSteps::decide(int step_task, std::int64_t step, bool fires) {
  const std::lock_guard lock(mutex_);
  decided_[step_task][step] = fires;
}

void DueSteps::forget_before(std::int64_t step) {
  const std::lock_guard lock(mutex_);
  for (auto& [task, decided] : decided_) decided.erase(decided.begin(), decided.lower_bound(step));
}

bool DueSteps::gives(int node, std::int64_t step) {
  const auto is_it = [&](int task) { return plan_.tasks[task].visits[0].node == node; };
  const auto task = std::find_if(plan_.steps.begin(), plan_.steps.end(), is_it);
  return task == plan_.steps.end() || fires(*task, step);
}

}  // namespace dagfusion
