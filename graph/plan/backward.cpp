// The backward pass of one optimiser: gradients from the loss to every weight it trains.
#include <fmt/format.h>

#include <algorithm>

#include "graph/check/gradient.h"
#include "graph/plan/planner.h"

namespace dagfusion {

namespace {

// How many layers the backward pass may run ahead of the weight gradients:
// each holds its activations until then.
constexpr std::size_t kBackwardAhead = 3;

// A backward task, and how many weight gradients stand before it.
struct Ahead {
  int task;
  std::size_t accumulates;
};

}  // namespace

// The gradients that have arrived at a value,
// in the order of its consumers, become one slot; -1 when there are none.
int Planner::gradient_of(Wire w, const std::vector<int>& terms) {
  if (terms.empty()) return -1;
  if (terms.size() == 1) return terms[0];
  const CheckedNode& producer = checked_.nodes[w.node];
  const std::string name = "d " + producer.path + "." + producer.outputs[w.output].port;
  const int t = add_task(Task::Kind::sum_gradients, "sum of " + name, -1);
  const int sum = add_slot(name, producer.outputs[w.output].spec);
  plan_.tasks[t].terms = terms;
  plan_.tasks[t].sum = sum;
  for (const int term : terms) reads(t, term);
  writes(t, sum);
  return sum;
}

void Planner::add_backward(const Group& group) {
  const Flow flow = gradient_flow(checked_, group);
  if (plan_.seed < 0) {
    plan_.seed = add_slot("d loss", {.dtype = DType::f32, .shape = {}});
    plan_.slots[plan_.seed].place = Place::step;
  }
  plan_.losses.push_back(slot_of(group.loss));
  plan_.slots[plan_.losses.back()].place = Place::frame;
  std::map<std::pair<int, int>, std::vector<int>> arrived;
  arrived[{group.loss.node, group.loss.output}] = {plan_.seed};
  std::map<int, int> sums;  // first weight of a node -> its accumulate task
  std::vector<Ahead> aheads;
  std::vector<int> accumulate_order;
  std::map<int, std::size_t>
      whole;  // accumulate task -> how many backward tasks there were at its last visit
  for (int n = static_cast<int>(checked_.nodes.size()) - 1; n >= 0; --n) {
    if (!flow.on_path[n]) continue;
    const CheckedNode& node = checked_.nodes[n];
    std::vector<int> d_out;
    for (int o = 0; o < static_cast<int>(node.outputs.size()); ++o)
      d_out.push_back(gradient_of({n, o}, arrived[{n, o}]));
    if (std::all_of(d_out.begin(), d_out.end(), [](int d) { return d < 0; })) continue;
    std::vector<int> d_in(node.inputs.size(), -1);
    bool any = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const CheckedInput& input = node.inputs[i];
      if (!flow.wanted[input.from.node]) continue;
      const auto pass = std::find_if(node.passes.begin(), node.passes.end(),
                                     [&](auto& p) { return p.second == static_cast<int>(i); });
      if (pass != node.passes.end()) {
        if (d_out[pass->first] >= 0)
          arrived[{input.from.node, input.from.output}].push_back(d_out[pass->first]);
        continue;
      }
      d_in[i] = add_slot(fmt::format("d {}.{}", node.path, input.port), input.spec);
      any = true;
    }
    bool partial = false;
    for (const CheckedSaved& s : node.saved) partial = partial || s.span == Span::backward_to_accumulate;
    const bool trained = std::any_of(node.weights.begin(), node.weights.end(), [&](int w) {
      return std::binary_search(group.weights.begin(), group.weights.end(), w);
    });
    if (any || (partial && trained)) {
      const int t = add_task(Task::Kind::backward, "backward of " + node.path, node.loop);
      Visit visit = visit_of(n, d_out, d_in);
      for (const int d : d_out) reads(t, d);
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i].backward_reads) reads(t, visit.in[i]);
      for (std::size_t o = 0; o < node.outputs.size(); ++o)
        if (node.outputs[o].backward_reads) reads(t, visit.out[o]);
      for (std::size_t s = 0; s < node.saved.size(); ++s) {
        if (node.saved[s].span == Span::backward_to_accumulate) writes(t, visit.saved[s]);
        if (node.saved[s].span == Span::forward_to_backward) reads(t, visit.saved[s]);
      }
      for (const int d : d_in)
        if (d >= 0) writes(t, d);
      plan_.tasks[t].visits.push_back(std::move(visit));
      aheads.push_back({t, accumulate_order.size()});
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (d_in[i] >= 0) arrived[{node.inputs[i].from.node, node.inputs[i].from.output}].push_back(d_in[i]);
    if (!trained) continue;
    const auto [sum, fresh] = sums.emplace(node.weights[0], -1);
    if (fresh) {
      sum->second = add_task(Task::Kind::accumulate, "weight gradient of " + node.path, node.loop);
      plan_.tasks[sum->second].serial = true;
      accumulate_order.push_back(sum->second);
      accumulates_[&group - checked_.groups.data()].push_back(sum->second);
    }
    const int t = sum->second;
    Visit visit = visit_of(n, d_out, d_in);
    for (const int d : d_out) reads(t, d);
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i].accumulate_reads) reads(t, visit.in[i]);
    for (std::size_t s = 0; s < node.saved.size(); ++s)
      if (node.saved[s].span != Span::forward_to_backward) reads(t, visit.saved[s]);
    plan_.tasks[t].visits.push_back(std::move(visit));
    whole[t] = aheads.size();
  }
  // A weight gradient that later calls of the model add to cannot be waited for by what leads to those calls.
  for (std::size_t b = 0; b < aheads.size(); ++b) {
    if (aheads[b].accumulates <= kBackwardAhead) continue;
    const int sum = accumulate_order[aheads[b].accumulates - 1 - kBackwardAhead];
    if (whole[sum] <= b) link(sum, aheads[b].task);
  }
}

Visit Planner::visit_of(int n, std::vector<int> d_out, std::vector<int> d_in) const {
  Visit visit{
      .node = n, .out = outputs_[n], .saved = saved_[n], .d_out = std::move(d_out), .d_in = std::move(d_in)};
  for (const CheckedInput& i : checked_.nodes[n].inputs) visit.in.push_back(slot_of(i.from));
  return visit;
}

}  // namespace dagfusion
