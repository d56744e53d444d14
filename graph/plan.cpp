#include "graph/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "graph/builtin.h"
#include "graph/gradient.h"

namespace dagfusion {

namespace {

constexpr std::size_t kAlignment = 64;
// How many layers the backward pass may run ahead of the weight gradients: each holds its activations until then.
constexpr std::size_t kBackwardAhead = 3;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class Planner {
 public:
  explicit Planner(const Checked& checked) : checked_(checked) {
    plan_.frames_per_step = static_cast<int>(checked.run.batch_size / checked.run.micro_batch);
  }

  Plan result() {
    add_forward();
    for (const Group& group : checked_.groups) add_backward(group);
    add_steps();
    close_loops();
    add_admission();
    sort_tasks();
    place();
    return std::move(plan_);
  }

 private:
  int add_slot(std::string name, TensorSpec spec) {
    Slot slot{.name = std::move(name), .spec = std::move(spec)};
    if (slot.spec.dtype == DType::images) slot.images = plan_.image_lists++;
    plan_.slots.push_back(std::move(slot));
    lives_.push_back({.slot = static_cast<int>(plan_.slots.size()) - 1});
    return lives_.back().slot;
  }

  int add_task(Task::Kind kind, std::string name, int loop) {
    plan_.tasks.push_back({.kind = kind, .name = std::move(name), .loop = loop});
    return static_cast<int>(plan_.tasks.size()) - 1;
  }

  // `first` before `then`; edges into and out of a loop go through its head and its tail.
  void link(int first, int then) {
    const int inner = plan_.tasks[then].loop, outer = plan_.tasks[first].loop;
    if (inner != outer) {
      if (inner >= 0) then = plan_.loops[inner].head;
      if (outer >= 0) first = plan_.loops[outer].tail;
    }
    if (first == then) return;
    std::vector<int>& before = plan_.tasks[then].before;
    if (std::find(before.begin(), before.end(), first) == before.end()) before.push_back(first);
  }

  void writes(int task, int slot) {
    lives_[slot].writer = task;
    lives_[slot].touched_by.push_back(task);
  }

  void reads(int task, int slot) {
    if (slot < 0 || lives_[slot].writer < 0) return;
    lives_[slot].touched_by.push_back(task);
    const int loop = plan_.tasks[task].loop;
    // A value from outside is read in every iteration.
    if (loop >= 0 && plan_.tasks[lives_[slot].writer].loop != loop) lives_[slot].touched_by.push_back(-2 - loop);
    link(lives_[slot].writer, task);
  }

  void add_forward() {
    outputs_.resize(checked_.nodes.size());
    saved_.resize(checked_.nodes.size());
    task_of_.assign(checked_.nodes.size(), -1);
    plan_.loops.resize(checked_.loops.size());
    for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n) {
      const CheckedNode& node = checked_.nodes[n];
      for (const CheckedOutput& o : node.outputs) outputs_[n].push_back(add_slot(node.path + "." + o.port, o.spec));
      for (const CheckedSaved& s : node.saved) saved_[n].push_back(add_slot(node.path + ":" + s.name, s.spec));
      if (node.type->role == Role::ordered && node.type->rate == Rate::step) continue;
      const bool head = node.type == &loop_head(), tail = node.type == &loop_tail();
      const Task::Kind kind = head                                 ? Task::Kind::loop_head
                              : tail                               ? Task::Kind::loop_tail
                              : node.type->role == Role::ordered ? Task::Kind::ordered
                                                                   : Task::Kind::forward;
      const int t = task_of_[n] = add_task(kind, node.path, node.loop);
      plan_.tasks[t].serial = kind == Task::Kind::ordered;
      if (head) plan_.loops[node.loop].head = t;
      if (tail) plan_.loops[node.loop].tail = t;
      Visit visit{.node = n, .out = outputs_[n], .saved = saved_[n]};
      for (const CheckedInput& i : node.inputs) {
        visit.in.push_back(slot_of(i.from));
        reads(t, visit.in.back());
      }
      for (const int s : visit.out) writes(t, s);
      for (std::size_t s = 0; s < node.saved.size(); ++s)
        if (node.saved[s].span != Span::backward_to_accumulate) writes(t, visit.saved[s]);
      for (const int a : node.after)
        if (task_of_[a] >= 0) link(task_of_[a], t);
      plan_.tasks[t].visits.push_back(std::move(visit));
      if (tail) plan_loop(n);
    }
  }

  int slot_of(Wire w) const { return outputs_[w.node][w.output]; }

  void plan_loop(int tail_node) {
    const CheckedNode& tail = checked_.nodes[tail_node];
    const CheckedLoop& loop = checked_.loops[tail.loop];
    PlannedLoop& planned = plan_.loops[tail.loop];
    const CheckedNode& head = checked_.nodes[loop.head];
    planned.count = loop.count;
    planned.every = loop.collect_every;
    for (int c = 0; c < loop.carried; ++c) {
      int start = -1;
      for (const CheckedInput& i : head.inputs)
        if (i.port == head.outputs[c].port) start = slot_of(i.from);
      planned.start.push_back(start);
      planned.carry.push_back(outputs_[loop.head][c]);
      planned.next.push_back(slot_of(tail.inputs[c].from));
      planned.last.push_back(outputs_[tail_node][c]);
      lives_[planned.carry.back()].touched_by.push_back(planned.tail);  // the tail writes the next value there
    }
    for (std::size_t c = loop.carried; c < tail.inputs.size(); ++c) {
      planned.collect.push_back(slot_of(tail.inputs[c].from));
      planned.strips.push_back(outputs_[tail_node][c]);
      lives_[planned.strips.back()].touched_by.push_back(planned.head);  // filled from the first iteration on
    }
  }

  // The gradients that have arrived at a value, in the order of its consumers, become one slot; -1 when there are none.
  int gradient_of(Wire w, const std::vector<int>& terms) {
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

  void add_backward(const Group& group) {
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
    std::vector<int> backward_order, accumulate_order;
    for (int n = static_cast<int>(checked_.nodes.size()) - 1; n >= 0; --n) {
      if (!flow.on_path[n]) continue;
      const CheckedNode& node = checked_.nodes[n];
      std::vector<int> d_out;
      for (int o = 0; o < static_cast<int>(node.outputs.size()); ++o) d_out.push_back(gradient_of({n, o}, arrived[{n, o}]));
      std::vector<int> d_in(node.inputs.size(), -1);
      bool any = false;
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const CheckedInput& input = node.inputs[i];
        if (!flow.wanted[input.from.node]) continue;
        const auto pass = std::find_if(node.passes.begin(), node.passes.end(), [&](auto& p) { return p.second == static_cast<int>(i); });
        if (pass != node.passes.end()) {
          if (d_out[pass->first] >= 0) arrived[{input.from.node, input.from.output}].push_back(d_out[pass->first]);
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
        if (accumulate_order.size() > kBackwardAhead)
          link(accumulate_order[accumulate_order.size() - 1 - kBackwardAhead], t);
        backward_order.push_back(t);
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
    }
  }

  Visit visit_of(int n, std::vector<int> d_out, std::vector<int> d_in) const {
    Visit visit{.node = n, .out = outputs_[n], .saved = saved_[n], .d_out = std::move(d_out), .d_in = std::move(d_in)};
    for (const CheckedInput& i : checked_.nodes[n].inputs) visit.in.push_back(slot_of(i.from));
    return visit;
  }

  // Per-step nodes: one after the other, writers, then readers, then those that save.
  void add_steps() {
    std::vector<int> nodes;
    for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n)
      if (checked_.nodes[n].type->rate == Rate::step && checked_.nodes[n].type->role == Role::ordered) nodes.push_back(n);
    std::stable_sort(nodes.begin(), nodes.end(), [&](int a, int b) { return checked_.nodes[a].type->phase < checked_.nodes[b].type->phase; });
    for (const int n : nodes) {
      const CheckedNode& node = checked_.nodes[n];
      const int t = task_of_[n] = add_task(node.child ? Task::Kind::child : Task::Kind::step, node.path, -1);
      Task& task = plan_.tasks[t];
      task.serial = true;
      Visit visit{.node = n, .out = outputs_[n]};
      for (const int s : outputs_[n]) plan_.slots[s].place = Place::step;
      for (const CheckedInput& i : node.inputs) {
        const int from = slot_of(i.from);
        const bool per_step = checked_.nodes[i.from.node].type->rate == Rate::step;
        if (per_step) {
          visit.in.push_back(from);
          if (task_of_[i.from.node] < 0)
            throw UserError(node.where, fmt::format("{}: reads '{}', which comes later in a step: first what writes resources, "
                                                    "then what reads them, then what saves them",
                                                    owner_of(node.path, node.type->name), checked_.nodes[i.from.node].path));
          link(task_of_[i.from.node], t);
        } else {
          const int mean = add_slot(fmt::format("mean of {}", plan_.slots[from].name), plan_.slots[from].spec);
          plan_.slots[mean].place = Place::step;
          plan_.slots[from].place = Place::frame;
          visit.in.push_back(mean);
          plan_.tasks[t].means.push_back({from, mean});
          reads(t, from);
        }
      }
      for (const int a : node.after)
        if (task_of_[a] >= 0) link(task_of_[a], t);
      if (node.group >= 0)
        for (const int a : accumulates_[node.group]) link(a, t);
      if (!plan_.steps.empty()) link(plan_.steps.back(), t);
      plan_.tasks[t].visits.push_back(std::move(visit));
      plan_.steps.push_back(t);
    }
  }

  void close_loops() {
    for (int l = 0; l < static_cast<int>(plan_.loops.size()); ++l) {
      const PlannedLoop& loop = plan_.loops[l];
      std::vector<bool> has_successor(plan_.tasks.size());
      for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
        if (plan_.tasks[t].loop != l) continue;
        for (const int b : plan_.tasks[t].before) has_successor[b] = true;
        if (plan_.tasks[t].before.empty() && static_cast<int>(t) != loop.head) link(loop.head, static_cast<int>(t));
      }
      for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t)
        if (plan_.tasks[t].loop == l && !has_successor[t] && t != loop.tail) link(t, loop.tail);
    }
    for (Lifetime& life : lives_)
      for (int& t : life.touched_by)
        if (t <= -2) t = plan_.loops[-2 - t].tail;
  }

  // Tasks that read weights, and all behind them, wait for the step before and for a lane.
  void add_admission() {
    const int count = static_cast<int>(plan_.tasks.size());
    std::vector<bool> admitted(count);
    const auto is_step = [&](int t) { return plan_.tasks[t].kind == Task::Kind::step || plan_.tasks[t].kind == Task::Kind::child; };
    for (int t = 0; t < count; ++t)
      for (const Visit& v : plan_.tasks[t].visits) {
        if (is_step(t) || checked_.nodes[v.node].weights.empty()) continue;
        admitted[t] = true;
        if (plan_.tasks[t].loop >= 0) admitted[plan_.loops[plan_.tasks[t].loop].head] = true;
      }
    for (bool changed = true; changed;) {
      changed = false;
      for (int t = 0; t < count; ++t)
        if (!admitted[t] && std::any_of(plan_.tasks[t].before.begin(), plan_.tasks[t].before.end(), [&](int b) { return admitted[b]; }))
          admitted[t] = changed = true;
    }
    if (std::none_of(admitted.begin(), admitted.end(), [](bool a) { return a; })) {
      for (Slot& s : plan_.slots)
        if (s.place == Place::lane) s.place = Place::frame;
      return;
    }
    const int admission = plan_.admission = add_task(Task::Kind::admission, "admission", -1);
    const int release = plan_.release = add_task(Task::Kind::release, "release", -1);
    plan_.tasks[release].serial = true;
    std::vector<bool> leads_on(count);
    for (int t = 0; t < count; ++t) {
      if (!admitted[t]) continue;
      Task& task = plan_.tasks[t];
      task.admitted = true;
      std::vector<int> inside;
      for (const int b : task.before)
        if (admitted[b])
          inside.push_back(b);
        else
          link(b, admission);
      if (!is_step(t))
        for (const int b : inside) leads_on[b] = true;
      if (inside.empty()) inside.push_back(admission);
      task.before = std::move(inside);
    }
    for (int t = 0; t < count; ++t)
      if (admitted[t] && !is_step(t) && !leads_on[t]) link(t, release);
    if (!plan_.steps.empty()) link(release, plan_.steps.front());
    for (const Lifetime& life : lives_)
      if (plan_.slots[life.slot].place == Place::lane && (life.writer < 0 || !admitted[life.writer]))
        plan_.slots[life.slot].place = Place::frame;
  }

  void sort_tasks() {
    const int count = static_cast<int>(plan_.tasks.size());
    std::vector<std::vector<int>> after(count);
    std::vector<int> waits(count);
    for (int t = 0; t < count; ++t) {
      waits[t] = static_cast<int>(plan_.tasks[t].before.size());
      for (const int b : plan_.tasks[t].before) after[b].push_back(t);
    }
    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (int t = 0; t < count; ++t)
      if (waits[t] == 0) ready.push(t);
    std::vector<int> order, place(count, -1);
    while (!ready.empty()) {
      const int t = ready.top();
      ready.pop();
      place[t] = static_cast<int>(order.size());
      order.push_back(t);
      for (const int a : after[t])
        if (--waits[a] == 0) ready.push(a);
    }
    if (static_cast<int>(order.size()) != count) {
      for (int t = 0; t < count; ++t)
        if (place[t] < 0 && !plan_.tasks[t].visits.empty()) {
          const CheckedNode& node = checked_.nodes[plan_.tasks[t].visits[0].node];
          throw UserError(node.where, fmt::format("{}: must come both before and after other nodes of a step; look at its "
                                                  "'after'", owner_of(node.path, node.type->name)));
        }
      throw std::logic_error("the plan has a cycle");
    }
    std::vector<Task> sorted;
    for (const int t : order) {
      sorted.push_back(std::move(plan_.tasks[t]));
      for (int& b : sorted.back().before) b = place[b];
    }
    plan_.tasks = std::move(sorted);
    const auto moved = [&](int& t) {
      if (t >= 0) t = place[t];
    };
    for (Lifetime& life : lives_) {
      moved(life.writer);
      for (int& t : life.touched_by) moved(t);
    }
    for (PlannedLoop& loop : plan_.loops) moved(loop.head), moved(loop.tail);
    for (int& s : plan_.steps) moved(s);
    moved(plan_.admission);
    moved(plan_.release);
  }

  void place() {
    for (Slot& s : plan_.slots) {
      if (s.place == Place::lane || s.images >= 0) continue;
      std::size_t& bytes = s.place == Place::frame ? plan_.frame_bytes : plan_.step_bytes;
      s.offset = bytes;
      bytes += aligned(s.spec.bytes());
    }
    plan_.lane_bytes = place_slots(plan_.slots, lives_, plan_.tasks);
  }

  const Checked& checked_;
  Plan plan_;
  std::vector<Lifetime> lives_;                    // by slot
  std::vector<std::vector<int>> outputs_, saved_;  // slots by node
  std::vector<int> task_of_;                       // forward or step task by node
  std::map<std::ptrdiff_t, std::vector<int>> accumulates_;  // by group
};

}  // namespace

Plan plan(const Checked& checked) { return Planner(checked).result(); }

}  // namespace dagfusion
