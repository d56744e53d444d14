// The forward pass as tasks and slots, loops, and where each slot lies.
#include "graph/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/plan/planner.h"
#include "graph/types/builtin.h"
#include "graph/types/works_ahead.h"
#include "graph/values/alignment.h"

namespace dagfusion {

Planner::Planner(const Checked& checked) : checked_(checked) {
  plan_.frames_per_step = static_cast<int>(checked.run.batch_size / checked.run.micro_batch);
}

Plan Planner::result() {
  add_forward();
  for (std::size_t g = 0; g < checked_.groups.size(); ++g) add_backward(static_cast<int>(g));
  add_steps();
  close_loops();
  if (!checked_.run.training && checked_.run.ranks > 1) add_collect();
  add_admission();
  sort_tasks();
  place();
  return std::move(plan_);
}

int Planner::add_slot(std::string name, TensorSpec spec) {
  Slot slot{.name = std::move(name), .spec = std::move(spec)};
  if (slot.spec.dtype == DType::images) slot.images = plan_.image_lists++;
  plan_.slots.push_back(std::move(slot));
  lives_.push_back({.slot = static_cast<int>(plan_.slots.size()) - 1});
  return lives_.back().slot;
}

int Planner::add_task(Task::Kind kind, std::string name, int loop) {
  plan_.tasks.push_back({.kind = kind, .name = std::move(name), .loop = loop});
  return static_cast<int>(plan_.tasks.size()) - 1;
}

// `first` before `then`; edges into and out of a loop go through its head and its tail.
void Planner::link(int first, int then) {
  const int inner = plan_.tasks[then].loop, outer = plan_.tasks[first].loop;
  if (inner != outer) {
    if (inner >= 0) then = plan_.loops[inner].head;
    if (outer >= 0) first = plan_.loops[outer].tail;
  }
  if (first == then) return;
  std::vector<int>& before = plan_.tasks[then].before;
  if (std::find(before.begin(), before.end(), first) == before.end()) before.push_back(first);
}

void Planner::writes(int task, int slot) {
  lives_[slot].writer = task;
  lives_[slot].touched_by.push_back(task);
}

void Planner::reads(int task, int slot) {
  if (slot < 0 || lives_[slot].writer < 0) return;
  lives_[slot].touched_by.push_back(task);
  const int loop = plan_.tasks[task].loop;
  // A value from outside is read in every iteration.
  if (loop >= 0 && plan_.tasks[lives_[slot].writer].loop != loop) read_throughout_.push_back({slot, loop});
  link(lives_[slot].writer, task);
}

void Planner::add_forward() {
  outputs_.resize(checked_.nodes.size());
  saved_.resize(checked_.nodes.size());
  task_of_.assign(checked_.nodes.size(), -1);
  plan_.loops.resize(checked_.loops.size());
  for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n) {
    const CheckedNode& node = checked_.nodes[n];
    for (const CheckedOutput& o : node.outputs)
      outputs_[n].push_back(add_slot(node.path + "." + o.port, o.spec));
    for (const CheckedSaved& s : node.saved) saved_[n].push_back(add_slot(node.path + ":" + s.name, s.spec));
    if (node.type->role == Role::ordered && node.type->rate == Rate::step) continue;
    const bool head = node.type == &loop_head(), tail = node.type == &loop_tail();
    const Task::Kind kind = head                               ? Task::Kind::loop_head
                            : tail                             ? Task::Kind::loop_tail
                            : node.type->role == Role::ordered ? Task::Kind::ordered
                                                               : Task::Kind::forward;
    if (dynamic_cast<const WorksAhead*>(node.node.get())) add_ahead(n);
    const int t = task_of_[n] = add_task(kind, node.path, node.loop);
    plan_.tasks[t].serial = kind == Task::Kind::ordered;
    if (head) plan_.loops[node.loop].head = t;
    if (tail) plan_.loops[node.loop].tail = t;
    Visit visit{.node = n, .out = outputs_[n], .saved = saved_[n]};
    for (const CheckedInput& i : node.inputs) {
      visit.in.push_back(slot_of(i.from));
      reads(t, visit.in.back());
    }
    if (node.when.node >= 0) reads(t, visit.when = slot_of(node.when));
    for (const int s : visit.out) writes(t, s);
    for (std::size_t s = 0; s < node.saved.size(); ++s) {
      if (kind == Task::Kind::ordered) reads(t, visit.saved[s]);
      if (kind != Task::Kind::ordered && node.saved[s].span != Span::backward_to_accumulate)
        writes(t, visit.saved[s]);
    }
    for (const int a : node.after)
      if (task_of_[a] >= 0) link(task_of_[a], t);
    plan_.tasks[t].visits.push_back(std::move(visit));
    if (tail) plan_loop(n);
  }
}

// What ordered node n does of every frame before its turn.
void Planner::add_ahead(int n) {
  const CheckedNode& node = checked_.nodes[n];
  const int t = add_task(Task::Kind::ahead, "ahead of " + node.path, node.loop);
  Visit visit{.node = n, .saved = saved_[n]};
  for (const CheckedInput& i : node.inputs) {
    visit.in.push_back(slot_of(i.from));
    reads(t, visit.in.back());
  }
  if (node.when.node >= 0) reads(t, visit.when = slot_of(node.when));
  for (const int s : visit.saved) writes(t, s);
  plan_.tasks[t].visits.push_back(std::move(visit));
}

void Planner::plan_loop(int tail_node) {
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
    filled_from_the_start(planned.last.back(), planned.head);
    lives_[planned.carry.back()].touched_by.push_back(planned.tail);  // the tail writes the next value there
  }
  for (std::size_t c = loop.carried; c < tail.inputs.size(); ++c) {
    planned.collect.push_back(slot_of(tail.inputs[c].from));
    planned.strips.push_back(outputs_[tail_node][c]);
    filled_from_the_start(planned.strips.back(), planned.head);
  }
}

// The tail writes the slot in every iteration, so that nothing in the body may use its bytes.
void Planner::filled_from_the_start(int slot, int head) {
  lives_[slot].writer = head;
  lives_[slot].touched_by.push_back(head);
}

void Planner::place() {
  for (Slot& s : plan_.slots) {
    if (s.place == Place::lane || s.images >= 0) continue;
    std::size_t& bytes = s.place == Place::frame ? plan_.frame_bytes : plan_.step_bytes;
    s.offset = bytes;
    bytes += aligned(s.spec.bytes());
  }
  plan_.lane_bytes = place_slots(plan_.slots, lives_, plan_.tasks);
}

Planned plan(Checked checked) {
  Planned planned{.checked = std::move(checked)};
  planned.plan = Planner(planned.checked).result();
  for (std::size_t n = 0; n < planned.checked.nodes.size(); ++n)
    if (const auto& child = planned.checked.nodes[n].child)
      planned.inner.emplace(static_cast<int>(n), Planner(*child).result());
  return planned;
}

}  // namespace dagfusion
