// What the tasks of a section have cost, and what they are called. Private to graph/run.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "graph/plan/plan.h"
#include "graph/run/frame.h"
#include "graph/run/run.h"

namespace dagfusion {

const std::string& type_of(const Checked&, const Task&);  // of its node, or "engine"
const std::string& node_of(const Checked&, const Task&);  // its path; of the engine's own tasks their name
TaskTime::Part part_of(const Task&);
// When the last task before it was done for this frame, in nanoseconds of the steady clock; 0 = unknown.
std::int64_t ready_at(const Task&, const Frame&);

class TaskClock {
 public:
  TaskClock(const Checked& checked, const Plan& plan)
      : checked_(checked), plan_(plan), costs_(std::make_unique<Cost[]>(plan.tasks.size())) {}

  // A visit from `begin` to now.
  void done(int task, Frame&, std::int64_t begin) noexcept;
  std::vector<TaskTime> times() const;  // so far
  // To tasks that every frame passes: so far by all frames, and by one from its first task to its last.
  std::int64_t visits() const;
  std::int64_t visits_of_a_frame() const;

 private:
  // Inside the body, and from when a frame could have gone on to when it did.
  struct Cost {
    std::atomic<std::int64_t> calls{0}, nanoseconds{0}, waited{0};
  };

  const Checked& checked_;
  const Plan& plan_;
  const std::unique_ptr<Cost[]> costs_;  // by task
};

}  // namespace dagfusion
