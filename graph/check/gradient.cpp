// Which values carry a gradient back to the weights that are trained,
// and whether every node on the way has a backward.
#include "graph/check/gradient.h"

#include <fmt/format.h>

#include "graph/check/checking.h"

namespace dagfusion {

Flow gradient_flow(const Checked& checked, const Group& group) {
  const std::size_t count = checked.nodes.size();
  Flow flow{.wanted = std::vector<bool>(count), .on_path = std::vector<bool>(count)};
  std::vector<bool> trained(checked.weights->weights().size());
  for (const int w : group.weights) trained[w] = true;
  for (std::size_t n = 0; n < count; ++n) {
    const CheckedNode& node = checked.nodes[n];
    bool wanted = std::any_of(node.weights.begin(), node.weights.end(), [&](int w) { return trained[w]; });
    for (const CheckedInput& i : node.inputs) wanted = wanted || flow.wanted[i.from.node];
    flow.wanted[n] = wanted && !node.type->stops_gradient && node.averaged_by.empty();
  }
  flow.on_path[group.loss.node] = flow.wanted[group.loss.node];
  for (std::size_t n = count; n-- > 0;)
    if (flow.on_path[n])
      for (const CheckedInput& i : checked.nodes[n].inputs)
        if (flow.wanted[i.from.node]) flow.on_path[i.from.node] = true;
  return flow;
}

void Checking::check_gradients() {
  const std::vector<std::string> cuts = catalog.names([](const NodeType& t) { return t.stops_gradient; });
  for (const Group& group : checked.groups) {
    const Flow flow = gradient_flow(checked, group);
    for (std::size_t n = 0; n < checked.nodes.size(); ++n) {
      const CheckedNode& node = checked.nodes[n];
      if (!flow.on_path[n] || node.type->differentiable()) continue;
      std::string way = node.path;  // along the edges to the loss
      std::size_t at = n;
      while (at != static_cast<std::size_t>(group.loss.node)) {
        std::size_t next = at + 1;
        const auto reads = [&](const CheckedNode& c) {
          return std::any_of(c.inputs.begin(), c.inputs.end(),
                             [&](const CheckedInput& i) { return i.from.node == static_cast<int>(at); });
        };
        while (!(flow.on_path[next] && reads(checked.nodes[next]))) ++next;
        at = next;
        way += " -> " + checked.nodes[at].path;
      }
      fault(
          node.where,
          fmt::format("{}: has no backward, but lies between weights and the loss that '{}' minimizes: {}{}",
                      owner_of(node.path, node.type->name), group.path, way,
                      cuts.empty() ? "" : fmt::format("; {} before it would cut the path", cuts.front())));
    }
  }
}

}  // namespace dagfusion
