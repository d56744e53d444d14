#include "tools/plan/task_kinds.h"

#include <stdexcept>

namespace dagfusion {

const char* kind_of(const Task& task) {
  switch (task.kind) {
    case Task::Kind::forward:
      return "forward";
    case Task::Kind::backward:
      return "backward";
    case Task::Kind::again:
      return "again";
    case Task::Kind::accumulate:
      return "weight gradient";
    case Task::Kind::sum_gradients:
      return "gradient sum";
    case Task::Kind::loop_head:
      return "loop head";
    case Task::Kind::loop_tail:
      return "loop tail";
    case Task::Kind::ahead:
      return "ahead";
    case Task::Kind::ordered:
      return "ordered";
    case Task::Kind::exchange:
      return "exchange";
    case Task::Kind::collect:
      return "collect";
    case Task::Kind::step:
      return "per step";
    case Task::Kind::child:
      return "pipeline";
    case Task::Kind::admission:
      return "admission";
    case Task::Kind::release:
      return "release";
  }
  throw std::logic_error("kind_of: no such kind");
}

const char* why_ordered(const Task& task) {
  switch (task.kind) {
    case Task::Kind::accumulate:
      return "adds to the step's gradients in frame order";
    case Task::Kind::ordered:
      return "has a state, or writes, in frame order";
    case Task::Kind::exchange:
      return "with the other processes, behind all frames of the step";
    case Task::Kind::collect:
      return "frames of other processes come in, in frame order";
    case Task::Kind::step:
    case Task::Kind::child:
      return "once per step, behind all its frames";
    case Task::Kind::admission:
      return "waits for the step before, and for a lane";
    case Task::Kind::release:
      return "gives the lane back in frame order";
    default:
      return task.serial ? "in frame order" : "";
  }
}

}  // namespace dagfusion
