// The head and the tail of a loop: values are carried from one iteration to the next, some are kept.
#include <cstring>

#include "graph/run/section.h"

namespace dagfusion {

void Section::loop_head(const Task& task, Frame& frame) {
  const PlannedLoop& loop = plan_.loops[task.loop];
  if (frame.iteration[task.loop] > 0) return;
  for (std::size_t c = 0; c < loop.carry.size(); ++c) {
    const std::size_t bytes = plan_.slots[loop.carry[c]].spec.bytes();
    if (loop.start[c] < 0)
      std::memset(slot(loop.carry[c], frame), 0, bytes);
    else
      std::memcpy(slot(loop.carry[c], frame), slot(loop.start[c], frame), bytes);
  }
}

bool Section::loop_again(const Task& task, Frame& frame) noexcept {
  const PlannedLoop& loop = plan_.loops[task.loop];
  int& iteration = frame.iteration[task.loop];
  if (skips(frame)) {
    iteration = 0;
    return false;
  }
  for (std::size_t c = 0; c < loop.collect.size(); ++c) {
    const bool last = iteration + 1 == loop.count;
    if ((iteration + 1) % loop.every[c] != 0 && !last) continue;
    const TensorSpec& one = plan_.slots[loop.collect[c]].spec;
    const std::size_t image = one.bytes() / static_cast<std::size_t>(one.shape[0]);
    const std::size_t places = static_cast<std::size_t>(plan_.slots[loop.strips[c]].spec.shape[1]);
    const std::size_t place = static_cast<std::size_t>(iteration / loop.every[c]);
    for (std::int64_t n = 0; n < one.shape[0]; ++n)
      std::memcpy(slot(loop.strips[c], frame) + (static_cast<std::size_t>(n) * places + place) * image,
                  slot(loop.collect[c], frame) + static_cast<std::size_t>(n) * image, image);
  }
  const bool again = ++iteration < loop.count;
  const auto copy_all = [&](const std::vector<int>& to, const std::vector<int>& from) {
    for (std::size_t c = 0; c < to.size(); ++c)
      std::memcpy(slot(to[c], frame), slot(from[c], frame), plan_.slots[to[c]].spec.bytes());
  };
  copy_all(loop.last, loop.next);  // all of them first: the next value of one may be what another carries now
  if (again)
    copy_all(loop.carry, loop.last);
  else
    iteration = 0;
  return again;
}

}  // namespace dagfusion
