// The head and the tail of a loop: values are carried from one iteration to the next, some are kept.
#include <cstring>

#include "graph/run/task_bodies.h"

namespace dagfusion {

void TaskBodies::loop_head(const Task& task, Frame& frame) {
  const PlannedLoop& loop = plan_.loops[task.loop];
  if (frame.iteration[task.loop] > 0) return;
  for (std::size_t c = 0; c < loop.carry.size(); ++c) {
    const std::size_t bytes = plan_.slots[loop.carry[c]].spec.bytes();
    if (loop.start[c] < 0)
      std::memset(section_.slot(loop.carry[c], frame), 0, bytes);
    else
      std::memcpy(section_.slot(loop.carry[c], frame), section_.slot(loop.start[c], frame), bytes);
  }
}

// What this iteration gives goes into the strip of all that is kept.
void TaskBodies::collect(const PlannedLoop& loop, const Frame& frame, int iteration) const {
  for (std::size_t c = 0; c < loop.collect.size(); ++c) {
    const bool last = iteration + 1 == loop.count;
    if ((iteration + 1) % loop.every[c] != 0 && !last) continue;
    const TensorSpec& one = plan_.slots[loop.collect[c]].spec;
    const std::size_t image = one.bytes() / static_cast<std::size_t>(one.shape[0]);
    const std::size_t places = static_cast<std::size_t>(plan_.slots[loop.strips[c]].spec.shape[1]);
    const std::size_t place = static_cast<std::size_t>(iteration / loop.every[c]);
    const std::byte* from = section_.slot(loop.collect[c], frame);
    std::byte* strip = section_.slot(loop.strips[c], frame);
    for (std::size_t n = 0; n < static_cast<std::size_t>(one.shape[0]); ++n)
      std::memcpy(strip + (n * places + place) * image, from + n * image, image);
  }
}

bool TaskBodies::loop_again(const Task& tail, Frame& frame) noexcept {
  const PlannedLoop& loop = plan_.loops[tail.loop];
  int& iteration = frame.iteration[tail.loop];
  if (section_.skips(frame) || frame.elsewhere) {
    iteration = 0;
    return false;
  }
  collect(loop, frame, iteration);
  const auto copy_all = [&](const std::vector<int>& to, const std::vector<int>& from) {
    for (std::size_t c = 0; c < to.size(); ++c)
      std::memcpy(section_.slot(to[c], frame), section_.slot(from[c], frame),
                  plan_.slots[to[c]].spec.bytes());
  };
  copy_all(loop.last, loop.next);  // all of them first: the next value of one may be what another carries now
  const bool again = ++iteration < loop.count;
  if (again)
    copy_all(loop.carry, loop.last);
  else
    iteration = 0;
  return again;
}

}  // namespace dagfusion
