#include "graph/plan/planned_memory.h"

#include <algorithm>

#include "graph/cluster/groups.h"
#include "graph/types/keeps_memory.h"

namespace dagfusion {

namespace {

std::uint64_t frames_of(const RunSettings& run, const Plan& plan, int lanes) {
  // The first of several processes has those of the others on the way too.
  const int processes = plan.collect >= 0 ? run.ranks : 1;
  const auto frames = static_cast<std::uint64_t>(frames_in_flight_of(run, lanes) * processes);
  return plan.frame_bytes * frames + plan.step_bytes;
}

std::uint64_t states_of(const CheckedNode& node, const WeightTable& weights) {
  std::uint64_t bytes = dynamic_cast<WeightSource*>(node.node.get()) ? weights.packed_bytes() : 0;
  if (auto* ordered = dynamic_cast<Ordered*>(node.node.get()))
    for (const StateTensor& state : ordered->state())
      bytes += static_cast<std::uint64_t>(count_of(state.shape)) * size_of(state.dtype);
  return bytes;
}

}  // namespace

int lanes_of(const RunSettings& run, int threads) { return run.lanes > 0 ? run.lanes : threads; }

int frames_in_flight_of(const RunSettings& run, int lanes) {
  return run.frames_in_flight > 0 ? run.frames_in_flight : lanes + 2;
}

std::uint64_t kept_memory(const Checked& checked) {
  std::uint64_t bytes = 0;
  for (const CheckedNode& node : checked.nodes) {
    if (const auto* keeps = dynamic_cast<const KeepsMemory*>(node.node.get())) bytes += keeps->kept_bytes();
    if (node.child) bytes += kept_memory(*node.child);
  }
  return bytes;
}

std::uint64_t state_memory(const Checked& checked) {
  std::uint64_t bytes = 0;
  for (const CheckedNode& node : checked.nodes) bytes += states_of(node, *checked.weights);
  return bytes;
}

std::uint64_t planned_memory(const Planned& planned, int lanes) {
  const Checked& checked = planned.checked;
  const WeightTable& weights = *checked.weights;
  const std::uint64_t values = weights.floats() * sizeof(float);
  // One process of several takes fewer groups, and needs no more.
  const int sums = checked.run.training ? buffers_of({0, checked.run.gradient_groups}) : 0;
  std::uint64_t bytes = values * static_cast<std::uint64_t>(1 + sums) + weights.packed_bytes();
  bytes += kept_memory(checked);
  bytes += state_memory(checked);
  std::uint64_t lane = planned.plan.lane_bytes;
  bytes += frames_of(checked.run, planned.plan, lanes);
  for (const auto& [node, inner] : planned.inner) {  // those that run inside use the same lanes
    lane = std::max<std::uint64_t>(lane, inner.lane_bytes);
    bytes += frames_of(checked.nodes[static_cast<std::size_t>(node)].child->run, inner, lanes);
  }
  return bytes + lane * static_cast<std::uint64_t>(lanes);
}

}  // namespace dagfusion
