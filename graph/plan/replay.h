// What a plan would take on other numbers of cores: its tasks, with measured times, on that many workers which do
// nothing else and take up first what has most behind it. Cores are taken to be as fast as those that were
// measured, and memory to keep up.
#pragma once

#include <string>
#include <vector>

#include "graph/plan/plan.h"

namespace dagfusion {

struct ReplayOptions {
  int cores = 1;
  int lanes = 1;             // frames inside the model at a time
  int frames_in_flight = 1;  // and on the way
  int gradient_groups = 1;   // whose sums do not wait for each other
};

struct Replay {
  double step_seconds = 0;    // from one update of the weights to the next
  double work_seconds = 0;    // of all tasks of a step together
  double steps_seconds = 0;   // of it, between the last frame of a step and the next one's first
  double frame_seconds = 0;   // of one frame, if it never waited for another
  double serial_seconds = 0;  // of the task that takes frames one by one and is busy longest
  int serial_task = -1;
  double efficiency(int cores) const { return work_seconds / (step_seconds * cores); }
};

// seconds: of each task, for one frame; of those once per step, for a step. A task inside the model is shared by
// the threads that a frame has for itself, as in a run; what is done once per step by all, of which eight reach
// the speed of memory.
Replay replay(const Plan&, const std::vector<double>& seconds, const ReplayOptions&);

}  // namespace dagfusion
