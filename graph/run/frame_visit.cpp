#include "graph/run/frame_visit.h"

namespace dagfusion {

void FrameVisit::add(std::vector<Value>& values, std::string port, int slot) const {
  if (slot < 0 || section_.plan.slots[slot].spec.dtype == DType::images) return;
  const TensorSpec& spec = section_.plan.slots[slot].spec;
  values.push_back({std::move(port), spec, {section_.slot(slot, frame_), spec.bytes()}});
}

bool FrameVisit::skipped(const Visit& visit) const {
  return visit.when >= 0 && section_.is_zero(visit.when, frame_);
}

std::vector<TaskVisit::Value> FrameVisit::inputs() const {
  std::vector<Value> values;
  for (const Visit& visit : task_.visits) {
    const CheckedNode& node = section_.checked.nodes[visit.node];
    for (std::size_t i = 0; i < visit.in.size(); ++i) add(values, node.inputs[i].port, visit.in[i]);
  }
  return values;
}

std::vector<TaskVisit::Value> FrameVisit::outputs() const {
  std::vector<Value> values;
  if (task_.kind == Task::Kind::sum_gradients) add(values, "sum", task_.sum);
  if (task_.kind == Task::Kind::step && frame_.last_of_step && task_.visits[0].node >= 0 &&
      section_.checked.nodes[task_.visits[0].node].type->phase == Phase::write) {
    const std::span<const float> weights = section_.values->values();
    values.push_back(
        {"weights", {.shape = {static_cast<std::int64_t>(weights.size())}}, std::as_bytes(weights)});
  }
  for (const Visit& visit : task_.visits) {
    const CheckedNode& node = section_.checked.nodes[visit.node];
    if (skipped(visit)) continue;
    if (task_.kind == Task::Kind::forward || task_.kind == Task::Kind::ordered)
      for (std::size_t o = 0; o < visit.out.size(); ++o) add(values, node.outputs[o].port, visit.out[o]);
    if (task_.kind == Task::Kind::backward)
      for (std::size_t i = 0; i < visit.d_in.size(); ++i)
        add(values, "d " + node.inputs[i].port, visit.d_in[i]);
    if (task_.kind != Task::Kind::accumulate) continue;
    for (const int w : node.weights) {
      const WeightSpec& spec = section_.checked.weights->weights()[w];
      const float* sum = section_.shared.gradients.of_group(frame_.group) + spec.offset;
      values.push_back(
          {"d " + spec.path, {.shape = spec.shape}, std::as_bytes(std::span(sum, spec.elements()))});
    }
  }
  return values;
}

}  // namespace dagfusion
