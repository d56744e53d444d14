#include "graph/run/pauses.h"

#include <algorithm>

#include "graph/values/clock.h"

namespace dagfusion {

namespace {

// How often it fires from now on: at multiples of `every`, and after the last step.
std::int64_t times_to_come(std::int64_t every, std::int64_t done, std::int64_t last) {
  if (done >= last) return 0;
  return last / every - done / every + (last % every != 0 ? 1 : 0);
}

double since(std::int64_t begin) { return static_cast<double>(clock_now() - begin) * 1e-9; }

}  // namespace

void Pauses::begins(int step_task) {
  const std::lock_guard lock(mutex_);
  now_ = step_task;
  begin_ = clock_now();
}

void Pauses::ends(int step_task) noexcept {
  const std::lock_guard lock(mutex_);
  if (now_ != step_task) return;
  Taken& taken = taken_[step_task];
  ++taken.count;
  taken.nanoseconds += clock_now() - begin_;
  now_.reset();
}

std::optional<int> Pauses::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

double Pauses::seconds() const {
  const std::lock_guard lock(mutex_);
  double sum = now_ ? since(begin_) : 0;
  for (const auto& [task, taken] : taken_) sum += static_cast<double>(taken.nanoseconds) * 1e-9;
  return sum;
}

double Pauses::seconds_to_come(const Checked& checked, const Plan& plan, std::int64_t steps_done) const {
  const std::lock_guard lock(mutex_);
  double sum = 0;
  for (const auto& [task, taken] : taken_) {
    const Every& every = checked.nodes[static_cast<std::size_t>(plan.tasks[task].visits[0].node)].every;
    if (every.seconds > 0) continue;
    sum += taken.mean() * static_cast<double>(times_to_come(every.steps, steps_done, checked.run.steps));
    if (now_ == task) sum += std::max(0.0, taken.mean() - since(begin_));
  }
  return sum;
}

}  // namespace dagfusion
