// What comes before what beyond the flow of values: step nodes, loops, admission to the model; then the order
// of all tasks.
#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "graph/plan/planner.h"
#include "graph/types/reads_steps.h"

namespace dagfusion {

// Per-step nodes: one after the other, writers, then readers, then those that save.
void Planner::add_steps() {
  std::vector<int> nodes;
  for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n)
    if (checked_.nodes[n].type->rate == Rate::step && checked_.nodes[n].type->role == Role::ordered)
      nodes.push_back(n);
  std::stable_sort(nodes.begin(), nodes.end(), [&](int a, int b) {
    return checked_.nodes[a].type->phase < checked_.nodes[b].type->phase;
  });
  if (checked_.run.training && checked_.run.ranks > 1) add_exchange();
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
        link(task_of_[i.from.node], t);
      } else {
        const int mean = add_slot(fmt::format("mean of {}", plan_.slots[from].name), plan_.slots[from].spec);
        plan_.slots[mean].place = Place::step;
        plan_.slots[from].place = Place::frame;
        visit.in.push_back(mean);
        plan_.tasks[t].means.push_back({from, mean});
        reads(t, from);
        if (plan_.exchange >= 0) reads(plan_.exchange, from);
      }
    }
    for (const int a : node.after)
      if (task_of_[a] >= 0) link(task_of_[a], t);
    if (node.group >= 0)
      for (const int a : accumulates_[node.group]) link(a, t);
    if (plan_.exchange >= 0) link(plan_.exchange, t);
    if (!plan_.steps.empty()) link(plan_.steps.back(), t);
    plan_.tasks[t].visits.push_back(std::move(visit));
    plan_.steps.push_back(t);
  }
}

// Behind all gradients, and the values that nodes of a step read: all processes go on with the same.
void Planner::add_exchange() {
  const int t = plan_.exchange = add_task(Task::Kind::exchange, "exchange", -1);
  plan_.tasks[t].serial = true;
  for (const auto& [group, tasks] : accumulates_)
    for (const int a : tasks) link(a, t);
  for (const int loss : plan_.losses) reads(t, loss);
}

void Planner::close_loops() {
  for (int l = 0; l < static_cast<int>(plan_.loops.size()); ++l) {
    const PlannedLoop& loop = plan_.loops[l];
    std::vector<bool> has_successor(plan_.tasks.size());
    for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
      if (plan_.tasks[t].loop != l) continue;
      for (const int b : plan_.tasks[t].before) has_successor[b] = true;
      if (plan_.tasks[t].before.empty() && static_cast<int>(t) != loop.head)
        link(loop.head, static_cast<int>(t));
    }
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t)
      if (plan_.tasks[t].loop == l && !has_successor[t] && t != loop.tail) link(t, loop.tail);
  }
  for (const ReadThroughout& r : read_throughout_)
    lives_[r.slot].touched_by.push_back(plan_.loops[r.loop].tail);
}

namespace {

bool is_in_order(const Task& task) {
  return task.kind == Task::Kind::ordered || task.kind == Task::Kind::step || task.kind == Task::Kind::child;
}

}  // namespace

// By task: those that take frames in order, and all that come after them.
std::vector<bool> Planner::behind_ordered() const {
  std::vector<bool> behind(plan_.tasks.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t t = 0; t < behind.size(); ++t) {
      const std::vector<int>& before = plan_.tasks[t].before;
      const auto is_behind = [&](int b) { return behind[static_cast<std::size_t>(b)]; };
      if (behind[t] || !(is_in_order(plan_.tasks[t]) || std::any_of(before.begin(), before.end(), is_behind)))
        continue;
      behind[t] = changed = true;
    }
  }
  return behind;
}

// Maps run in the process that has the frame; what takes frames in order runs in the first process, which all
// frames come to here.
void Planner::add_collect() {
  const std::vector<bool> behind = behind_ordered();
  const int collect = plan_.collect = add_task(Task::Kind::collect, "collect", -1);
  plan_.tasks[collect].serial = true;
  const auto bring = [&](int slot) {
    const int writer = slot < 0 ? -1 : lives_[slot].writer;
    if (writer < 0 || behind[static_cast<std::size_t>(writer)]) return;
    if (std::find(plan_.collected.begin(), plan_.collected.end(), slot) != plan_.collected.end()) return;
    plan_.collected.push_back(slot);
    plan_.slots[slot].place = Place::frame;
    reads(collect, slot);
  };
  for (std::size_t t = 0; t < behind.size(); ++t) {
    if (!behind[t]) continue;
    for (const Visit& visit : plan_.tasks[t].visits) {
      for (const int slot : visit.in) bring(slot);
      for (const int slot : visit.saved) bring(slot);
      bring(visit.when);
    }
    for (const Mean& mean : plan_.tasks[t].means) bring(mean.from);
    link(collect, static_cast<int>(t));
  }
}

namespace {

// What steps change: weights, and what such nodes say themselves.
bool reads_steps(const CheckedNode& node) {
  return !node.weights.empty() || dynamic_cast<const ReadsSteps*>(node.node.get());
}

}  // namespace

// Tasks once per step, and what frames of other processes come to, which have no lane here.
std::vector<bool> Planner::without_lane() const {
  std::vector<bool> all(plan_.tasks.size());
  if (plan_.collect >= 0) all = behind_ordered();
  all.resize(plan_.tasks.size());
  for (std::size_t t = 0; t < all.size(); ++t) {
    const Task::Kind kind = plan_.tasks[t].kind;
    if (kind == Task::Kind::exchange || kind == Task::Kind::collect || kind == Task::Kind::step ||
        kind == Task::Kind::child)
      all[t] = true;
  }
  return all;
}

// Tasks that read what steps change, and all behind them.
std::vector<bool> Planner::behind_steps(const std::vector<bool>& without_lane) const {
  std::vector<bool> all(plan_.tasks.size());
  for (std::size_t t = 0; t < all.size(); ++t)
    for (const Visit& v : plan_.tasks[t].visits) {
      if (without_lane[t] || !reads_steps(checked_.nodes[v.node])) continue;
      all[t] = true;
      if (plan_.tasks[t].loop >= 0) all[plan_.loops[plan_.tasks[t].loop].head] = true;
    }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t t = 0; t < all.size(); ++t) {
      const std::vector<int>& before = plan_.tasks[t].before;
      if (!all[t] && std::any_of(before.begin(), before.end(), [&](int b) { return all[b]; }))
        all[t] = changed = true;
    }
  }
  return all;
}

// Those tasks wait for the step before and for a lane, and give it back when the last of them is done.
void Planner::add_admission() {
  const std::vector<bool> without = without_lane(), admitted = behind_steps(without);
  if (std::none_of(admitted.begin(), admitted.end(), [](bool a) { return a; })) {
    for (Slot& s : plan_.slots)
      if (s.place == Place::lane) s.place = Place::frame;
    return;
  }
  plan_.admission = add_task(Task::Kind::admission, "admission", -1);
  plan_.release = add_task(Task::Kind::release, "release", -1);
  plan_.tasks[plan_.release].serial = true;
  admit(admitted, without);
  for (const int behind : {plan_.exchange, plan_.collect, plan_.steps.empty() ? -1 : plan_.steps.front()})
    if (behind >= 0) {
      link(plan_.release, behind);
      break;
    }
  for (const Lifetime& life : lives_)
    if (plan_.slots[life.slot].place == Place::lane &&
        (life.writer < 0 || !admitted[life.writer] || without[life.writer]))
      plan_.slots[life.slot].place = Place::frame;
}

// The admission comes in front of the admitted tasks, the release behind the last of them that have a lane.
void Planner::admit(const std::vector<bool>& admitted, const std::vector<bool>& without_lane) {
  std::vector<bool> leads_on(admitted.size());
  for (std::size_t t = 0; t < admitted.size(); ++t) {
    if (!admitted[t]) continue;
    Task& task = plan_.tasks[t];
    task.admitted = true;
    std::vector<int> inside;
    for (const int b : task.before)
      if (admitted[b])
        inside.push_back(b);
      else
        link(b, plan_.admission);
    if (!without_lane[t])
      for (const int b : inside) leads_on[b] = true;
    if (inside.empty()) inside.push_back(plan_.admission);
    task.before = std::move(inside);
  }
  for (std::size_t t = 0; t < admitted.size(); ++t)
    if (admitted[t] && !without_lane[t] && !leads_on[t]) link(static_cast<int>(t), plan_.release);
}

void Planner::sort_tasks() {
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
    const auto waiting = std::find(place.begin(), place.end(), -1) - place.begin();
    throw std::logic_error(fmt::format("the plan has a cycle around '{}'", plan_.tasks[waiting].name));
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
  moved(plan_.exchange);
  moved(plan_.collect);
  moved(plan_.admission);
  moved(plan_.release);
}

}  // namespace dagfusion
