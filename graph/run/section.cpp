// What the tasks of a section do when a frame comes to them. Nothing here throws into oneTBB.
#include "graph/run/section.h"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>

#include "graph/run/frame_call.h"
#include "graph/run/frame_visit.h"
#include "graph/run/observed.h"
#include "graph/types/builtin.h"
#include "graph/values/add.h"
#include "graph/values/clock.h"

namespace dagfusion {

void Shared::fail(std::int64_t main_ticket, std::string message) {
  const std::lock_guard lock(mutex);
  if (error_ticket >= 0 && error_ticket <= main_ticket) return;  // the earliest frame reports
  error_ticket = main_ticket;
  error = std::move(message);
  failed_ticket.store(main_ticket);
}

std::byte* FrameCall::scratch() const {
  return section_.shared_.scratch[tbb::this_task_arena::current_thread_index()].data();
}

void FrameCall::drop(const std::string& reason) const {
  if (section_.checked_.run.training) throw std::runtime_error("a batch can have no holes: " + reason);
  section_.drop(frame_, reason);
}

void Section::drop(Frame& frame, const std::string& reason) {
  frame.dropped = true;
  const std::lock_guard lock(shared_.mutex);
  shared_.dropped.push_back(fmt::format("image {}: {}", frame.position, reason));
}

Section::Section(const Checked& checked, Shared& shared)
    : checked_(checked), shared_(shared), plan_(dagfusion::plan(checked)), step_memory_(plan_.step_bytes) {
  values_ = &shared.live;
  directory_ = shared.options.directory;
  costs_ = std::make_unique<Cost[]>(plan_.tasks.size());
  if (plan_.seed >= 0)
    *reinterpret_cast<float*>(step_memory_.data() + plan_.slots[plan_.seed].offset) = static_cast<float>(
        static_cast<double>(checked.run.micro_batch) / static_cast<double>(checked.run.batch_size));
  for (const Task& task : plan_.tasks)
    for (const Mean& mean : task.means)
      mean_sums_[mean.to].resize(plan_.slots[mean.to].spec.stored_elements());
  for (std::size_t n = 0; n < checked.nodes.size(); ++n) {
    if (!checked.nodes[n].child) continue;
    children_.push_back(std::make_unique<Section>(*checked.nodes[n].child, shared));
    child_of_node_[static_cast<int>(n)] = children_.back().get();
  }
  steps_done_ = shared.options.first_step;
  frames_in_flight_ = checked.run.frames_in_flight > 0 ? checked.run.frames_in_flight : shared.lanes + 2;
}

Section::~Section() = default;

void Section::prepare(Preparation& preparation) {
  const RunSettings& run = checked_.run;
  const std::int64_t frames = run.training ? plan_.frames_per_step : checked_.frames_of_images();
  const auto at_once = static_cast<int>(
      std::min<std::int64_t>({shared_.lanes, frames_in_flight_, std::max<std::int64_t>(frames, 1)}));
  preparation.ways = (shared_.threads + at_once - 1) / at_once;
  for (const CheckedNode& node : checked_.nodes)
    if (node.node) node.node->prepare(preparation);
  for (auto& child : children_) child->prepare(preparation);
}

std::byte* Section::slot(int index, const Frame& frame) const {
  const Slot& s = plan_.slots[index];
  switch (s.place) {
    case Place::lane:
      return frame.lane + s.offset;
    case Place::frame:
      return frame.memory.data() + s.offset;
    case Place::step:
      return step_memory_.data() + s.offset;
  }
  return nullptr;
}

bool Section::skips(const Frame& frame) const {
  return frame.dropped.load(std::memory_order_relaxed) || shared_.stop.load(std::memory_order_relaxed) >= 2 ||
         main_ticket(frame) >= shared_.failed_ticket.load(std::memory_order_relaxed);
}

const std::string& Section::type_of(const Task& task) const {
  static const std::string engine = "engine";
  return task.visits.empty() ? engine : checked_.nodes[task.visits[0].node].type->name;
}

void Section::run_task(int index, Frame& frame) noexcept {
  if (skips(frame)) return;
  observed(
      shared_.options.observer, [&] { return FrameVisit(*this, index, frame); },
      [&] { run_body(index, frame); });
}

std::int64_t Section::ready_at(const Task& task, const Frame& frame) const {
  if (task.kind == Task::Kind::loop_head && frame.iteration[task.loop] > 0) return 0;
  std::int64_t ready = 0;
  for (const int b : task.before) ready = std::max(ready, frame.done_at[b].load(std::memory_order_relaxed));
  return ready;
}

void Section::run_body(int index, Frame& frame) noexcept {
  const Task& task = plan_.tasks[index];
  const std::int64_t begin = clock_now(), ready = ready_at(task, frame);
  try {
    switch (task.kind) {
      case Task::Kind::loop_head:
        loop_head(task, frame);
        break;
      case Task::Kind::step:
        step(task, index, frame);
        break;
      case Task::Kind::admission:
      case Task::Kind::release:
      case Task::Kind::child:
      case Task::Kind::loop_tail:
        break;
      default:
        run_visits(task, frame);
    }
  } catch (const std::exception& e) {
    describe_failure(index, frame, e.what());
  } catch (...) {
    describe_failure(index, frame, "an exception of unknown type");
  }
  const std::int64_t end = clock_now();
  frame.done_at[index].store(end, std::memory_order_relaxed);
  Cost& cost = costs_[index];
  cost.calls.fetch_add(1, std::memory_order_relaxed);
  cost.nanoseconds.fetch_add(end - begin, std::memory_order_relaxed);
  if (ready > 0) cost.waited.fetch_add(std::max<std::int64_t>(begin - ready, 0), std::memory_order_relaxed);
}

void Section::describe_failure(int index, Frame& frame, const char* what) noexcept {
  try {
    const Task& task = plan_.tasks[index];
    const CheckedNode* node = task.visits.empty() ? nullptr : &checked_.nodes[task.visits[0].node];
    if (node && node->drop_on_error) return drop(frame, what);
    const std::string who = node ? where_and_owner(*node) : task.name;
    const std::string when = checked_.run.training ? fmt::format("step {}, ", frame.step + 1) : "";
    shared_.fail(main_ticket(frame),
                 fmt::format("{}: {} ({}images {} to {})", who, what, when, frame.position,
                             frame.position + std::max(frame.valid, 1) - 1));
  } catch (...) {
    shared_.failed_ticket.store(0);  // no memory for words: stop all the same
  }
}

bool Section::is_zero(int index, const Frame& frame) const {
  const std::byte* value = slot(index, frame);
  return plan_.slots[index].spec.dtype == DType::i32 ? *reinterpret_cast<const std::int32_t*>(value) == 0
                                                     : *reinterpret_cast<const float*>(value) == 0;
}

void Section::sum_gradients(const Task& task, const Frame& frame) const {
  std::byte* sum = slot(task.sum, frame);
  const std::byte* first = slot(task.terms[0], frame);
  for (std::size_t t = 1; t < task.terms.size(); ++t, first = sum)
    add(plan_.slots[task.sum].spec, first, slot(task.terms[t], frame), sum);
}

void Section::run_visits(const Task& task, Frame& frame) {
  if (task.kind == Task::Kind::sum_gradients) return sum_gradients(task, frame);
  bool first = frame.first_of_step;
  for (const Visit& visit : task.visits) {
    FrameCall call(*this, visit, frame, first);
    first = false;  // a second call of the same model adds
    Node& node = *checked_.nodes[visit.node].node;
    if (visit.when >= 0 && is_zero(visit.when, frame)) {
      if (const auto* choice = dynamic_cast<const Choose*>(&node)) choice->otherwise(call);
      continue;
    }
    switch (task.kind) {
      case Task::Kind::forward:
        static_cast<const Map&>(node).forward(call);
        break;
      case Task::Kind::backward:
        static_cast<const Map&>(node).backward(call);
        break;
      case Task::Kind::accumulate:
        static_cast<const Map&>(node).accumulate(call);
        break;
      case Task::Kind::ordered:
        static_cast<Ordered&>(node).run(call);
        break;
      default:
        throw std::logic_error("a task without a visit");
    }
  }
}

// A node without weights has no weight gradients: its backward task does the work of both.
std::int64_t Section::multiply_adds_of(const Task& task) const {
  std::int64_t sum = 0;
  for (const Visit& v : task.visits) {
    const CheckedNode& node = checked_.nodes[v.node];
    const bool both = task.kind == Task::Kind::backward && node.weights.empty();
    sum += node.multiply_adds * (both ? 2 : 1);
  }
  return sum;
}

TaskTime::Part Section::part_of(const Task& task) {
  switch (task.kind) {
    case Task::Kind::forward:
    case Task::Kind::ordered:
      return TaskTime::Part::forward;
    case Task::Kind::backward:
    case Task::Kind::sum_gradients:
      return TaskTime::Part::backward;
    case Task::Kind::accumulate:
      return TaskTime::Part::weight_gradient;
    default:
      return TaskTime::Part::other;
  }
}

const std::string& Section::node_of(const Task& task) const {
  return task.visits.empty() ? task.name : checked_.nodes[task.visits[0].node].path;
}

std::vector<TaskTime> Section::times() const {
  std::vector<TaskTime> found;
  for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
    if (costs_[t].calls == 0) continue;
    const Task& task = plan_.tasks[t];
    found.push_back({.name = task.name,
                     .type = type_of(task),
                     .node = node_of(task),
                     .part = part_of(task),
                     .in_model = task.admitted,
                     .calls = costs_[t].calls,
                     .multiply_adds = multiply_adds_of(task),
                     .seconds = static_cast<double>(costs_[t].nanoseconds) * 1e-9,
                     .waited = static_cast<double>(costs_[t].waited) * 1e-9});
  }
  return found;
}

}  // namespace dagfusion
