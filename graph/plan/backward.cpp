// The backward pass of one optimiser: gradients from the loss to every weight it trains.
#include <fmt/format.h>

#include <algorithm>

#include "graph/check/gradient.h"
#include "graph/plan/planner.h"
#include "graph/types/cheap_to_repeat.h"

namespace dagfusion {

namespace {

// How many layers the backward pass may run ahead of the weight gradients:
// each holds its activations until then.
constexpr std::size_t kBackwardAhead = 3;

bool any(const std::vector<int>& slots) {
  return std::any_of(slots.begin(), slots.end(), [](int s) { return s >= 0; });
}

// It writes what accumulate() reads, whether or not anybody wants the gradient of an input.
bool prepares_weight_gradient(const CheckedNode& node) {
  return std::any_of(node.saved.begin(), node.saved.end(),
                     [](const CheckedSaved& s) { return s.span == Span::backward_to_accumulate; });
}

}  // namespace

// That of one optimiser, while it is planned.
struct Planner::BackwardPass {
  int number;  // of the group
  const Group& group;
  Flow flow;
  // Slots of the gradients that have arrived at a value so far, by its node and output.
  std::map<std::pair<int, int>, std::vector<int>> arrived;

  std::vector<int> accumulates = {};      // tasks, in the order in which the pass comes to them
  std::map<int, int> accumulate_of = {};  // by the first weight of the node: calls of a model share them
  // Backward tasks in their order, and how many weight gradients stand before each.
  struct Ahead {
    int task;
    std::size_t accumulates;
  };
  std::vector<Ahead> backwards = {};
  std::map<int, std::vector<int>> again = {};   // by node: slots of the outputs that are made a second time
  std::map<int, std::size_t> whole_after = {};  // accumulate task -> backward tasks until its last visit

  bool trains(const CheckedNode& node) const {
    return std::any_of(node.weights.begin(), node.weights.end(), [&](int w) {
      return std::binary_search(group.weights.begin(), group.weights.end(), w);
    });
  }
  std::vector<int>& at(Wire w) { return arrived[{w.node, w.output}]; }
};

void Planner::add_backward(int number) {
  const Group& group = checked_.groups[static_cast<std::size_t>(number)];
  BackwardPass pass{.number = number, .group = group, .flow = gradient_flow(checked_, group), .arrived = {}};
  seed_loss(pass);
  for (int n = static_cast<int>(checked_.nodes.size()) - 1; n >= 0; --n) {
    if (!pass.flow.on_path[n]) continue;
    const CheckedNode& node = checked_.nodes[n];
    const std::vector<int> d_out = gradients_of_outputs(n, pass);
    if (!any(d_out)) continue;
    const std::vector<int> d_in = gradients_of_inputs(n, d_out, pass);
    const bool trained = pass.trains(node);
    if (any(d_in) || (trained && prepares_weight_gradient(node))) add_backward_task(n, d_out, d_in, pass);
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (d_in[i] >= 0) pass.at(node.inputs[i].from).push_back(d_in[i]);
    if (trained) add_accumulate(n, d_out, d_in, pass);
  }
  hold_back(pass);
  accumulates_[number] = std::move(pass.accumulates);
}

void Planner::seed_loss(BackwardPass& pass) {
  if (plan_.seed < 0) {
    plan_.seed = add_slot("d loss", {.dtype = DType::f32, .shape = {}});
    plan_.slots[plan_.seed].place = Place::step;
  }
  plan_.losses.push_back(slot_of(pass.group.loss));
  plan_.slots[plan_.losses.back()].place = Place::frame;
  pass.at(pass.group.loss) = {plan_.seed};
}

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

std::vector<int> Planner::gradients_of_outputs(int n, BackwardPass& pass) {
  std::vector<int> d_out;
  for (int o = 0; o < static_cast<int>(checked_.nodes[n].outputs.size()); ++o)
    d_out.push_back(gradient_of({n, o}, pass.at({n, o})));
  return d_out;
}

// New slots for those that somebody wants. A gradient that passes through as it is goes on at once, without one.
std::vector<int> Planner::gradients_of_inputs(int n, const std::vector<int>& d_out, BackwardPass& pass) {
  const CheckedNode& node = checked_.nodes[n];
  std::vector<int> d_in(node.inputs.size(), -1);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const CheckedInput& input = node.inputs[i];
    if (!pass.flow.wanted[input.from.node]) continue;
    const auto through = std::find_if(node.passes.begin(), node.passes.end(),
                                      [&](auto& p) { return p.second == static_cast<int>(i); });
    if (through == node.passes.end())
      d_in[i] = add_slot(fmt::format("d {}.{}", node.path, input.port), input.spec);
    else if (d_out[through->first] >= 0)
      pass.at(input.from).push_back(d_out[through->first]);
  }
  return d_in;
}

bool Planner::is_made_again(int n) const {
  const CheckedNode& node = checked_.nodes[n];
  return checked_.run.recompute && node.loop < 0 && node.when.node < 0 &&
         dynamic_cast<const CheapToRepeat*>(node.node.get());
}

// Where the backward pass, which comes here with the gradients d_out, finds a value of the forward pass.
int Planner::kept_or_again(Wire w, const std::vector<int>& d_out, BackwardPass& pass) {
  if (!is_made_again(w.node)) return slot_of(w);
  if (!pass.again.count(w.node)) make_again(w.node, d_out, pass);
  return pass.again.at(w.node)[static_cast<std::size_t>(w.output)];
}

// Not before those gradients are there: until then nobody needs it, and its memory serves others.
void Planner::make_again(int n, const std::vector<int>& d_out, BackwardPass& pass) {
  const CheckedNode& node = checked_.nodes[n];
  Visit visit{.node = n};
  for (const CheckedInput& i : node.inputs) visit.in.push_back(kept_or_again(i.from, d_out, pass));
  const int t = add_task(Task::Kind::again, "again " + node.path, -1);
  for (const int d : d_out)
    if (d >= 0 && lives_[d].writer >= 0) link(lives_[d].writer, t);
  for (const int slot : visit.in) reads(t, slot);
  for (const CheckedOutput& o : node.outputs)
    visit.out.push_back(add_slot(fmt::format("{}.{} again", node.path, o.port), o.spec));
  for (const CheckedSaved& s : node.saved)
    visit.saved.push_back(add_slot(fmt::format("{}:{} again", node.path, s.name), s.spec));
  for (const int slot : visit.out) writes(t, slot);
  for (const int slot : visit.saved) writes(t, slot);
  pass.again[n] = visit.out;
  plan_.tasks[t].visits.push_back(std::move(visit));
}

void Planner::add_backward_task(int n, const std::vector<int>& d_out, const std::vector<int>& d_in,
                                BackwardPass& pass) {
  const CheckedNode& node = checked_.nodes[n];
  const int t = add_task(Task::Kind::backward, "backward of " + node.path, node.loop);
  Visit visit = visit_of(n, d_out, d_in);
  for (const int d : d_out) reads(t, d);
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i].backward_reads)
      reads(t, visit.in[i] = kept_or_again(node.inputs[i].from, d_out, pass));
  for (int o = 0; o < static_cast<int>(node.outputs.size()); ++o)
    if (node.outputs[o].backward_reads) reads(t, visit.out[o] = kept_or_again({n, o}, d_out, pass));
  for (std::size_t s = 0; s < node.saved.size(); ++s) {
    if (node.saved[s].span == Span::backward_to_accumulate) writes(t, visit.saved[s]);
    if (node.saved[s].span == Span::forward_to_backward) reads(t, visit.saved[s]);
  }
  for (const int d : d_in)
    if (d >= 0) writes(t, d);
  plan_.tasks[t].visits.push_back(std::move(visit));
  pass.backwards.push_back({t, pass.accumulates.size()});
}

void Planner::add_accumulate(int n, const std::vector<int>& d_out, const std::vector<int>& d_in,
                             BackwardPass& pass) {
  const CheckedNode& node = checked_.nodes[n];
  const auto [sum, first_call] = pass.accumulate_of.emplace(node.weights[0], -1);
  if (first_call) {
    sum->second = add_task(Task::Kind::accumulate, "weight gradient of " + node.path, node.loop);
    plan_.tasks[sum->second].serial = true;
    pass.accumulates.push_back(sum->second);
  }
  const int t = sum->second;
  Visit visit = visit_of(n, d_out, d_in);
  for (const int d : d_out) reads(t, d);
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i].accumulate_reads)
      reads(t, visit.in[i] = kept_or_again(node.inputs[i].from, d_out, pass));
  for (std::size_t s = 0; s < node.saved.size(); ++s)
    if (node.saved[s].span != Span::forward_to_backward) reads(t, visit.saved[s]);
  plan_.tasks[t].visits.push_back(std::move(visit));
  pass.whole_after[t] = pass.backwards.size();
}

// A backward task waits for the weight gradient that stands kBackwardAhead before it. One that later calls of the model
// add to cannot be waited for by what leads to those calls.
void Planner::hold_back(const BackwardPass& pass) {
  for (std::size_t b = 0; b < pass.backwards.size(); ++b) {
    const BackwardPass::Ahead& ahead = pass.backwards[b];
    if (ahead.accumulates <= kBackwardAhead) continue;
    const int sum = pass.accumulates[ahead.accumulates - 1 - kBackwardAhead];
    if (pass.whole_after.at(sum) <= b) link(sum, ahead.task);
  }
}

Visit Planner::visit_of(int n, std::vector<int> d_out, std::vector<int> d_in) const {
  Visit visit{
      .node = n, .out = outputs_[n], .saved = saved_[n], .d_out = std::move(d_out), .d_in = std::move(d_in)};
  for (const CheckedInput& i : checked_.nodes[n].inputs) visit.in.push_back(slot_of(i.from));
  return visit;
}

}  // namespace dagfusion
