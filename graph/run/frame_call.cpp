#include "graph/run/frame_call.h"

#include <oneapi/tbb/task_arena.h>

#include <stdexcept>

namespace dagfusion {

std::byte* FrameCall::scratch() const {
  return section_.shared.scratch[tbb::this_task_arena::current_thread_index()].data();
}

void FrameCall::drop(const std::string& reason) const {
  if (section_.checked.run.training) throw std::runtime_error("a batch can have no holes: " + reason);
  section_.drop(frame_, reason);
}

}  // namespace dagfusion
