// Which nodes of a step fire after it (`every`). Private to graph/run.
#pragma once

#include <map>
#include <mutex>

#include "graph/plan/plan.h"

namespace dagfusion {

class DueSteps {
 public:
  DueSteps(const Checked& checked, const Plan& plan) : checked_(checked), plan_(plan) {}

  // Decided once for each node and step, by whoever asks first: the entry when it looks ahead, or the step itself.
  bool fires(int step_task, std::int64_t step);
  bool gives(int node, std::int64_t step);  // puts out a value of this step
  void forget_before(std::int64_t step);    // nobody asks for those again
  // Where several processes go by the clock of one.
  bool fires_by_the_clock(int step_task, std::int64_t step, double seconds);
  void decide(int step_task, std::int64_t step, bool fires);

 private:
  const CheckedNode& node_of(int step_task) const {
    return checked_.nodes[plan_.tasks[step_task].visits[0].node];
  }

  const Checked& checked_;
  const Plan& plan_;
  std::mutex mutex_;  // of what follows, by step task
  std::map<int, std::map<std::int64_t, bool>> decided_;
  std::map<int, std::int64_t> last_fired_;  // nanoseconds of the steady clock
};

}  // namespace dagfusion
