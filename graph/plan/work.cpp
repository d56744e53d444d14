#include "graph/plan/work.h"

namespace dagfusion {

std::int64_t multiply_adds(const Checked& checked, const Task& task) {
  std::int64_t sum = 0;
  for (const Visit& v : task.visits) {
    const CheckedNode& node = checked.nodes[v.node];
    const bool both = task.kind == Task::Kind::backward && node.weights.empty();
    sum += node.multiply_adds * (both ? 2 : 1);
  }
  return sum;
}

}  // namespace dagfusion
