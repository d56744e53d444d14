#include "graph/run/task_bodies.h"

#include <fmt/format.h>

#include "graph/run/frame_call.h"
#include "graph/run/frame_visit.h"
#include "graph/run/observed.h"
#include "graph/types/builtin.h"
#include "graph/types/works_ahead.h"
#include "graph/values/add.h"
#include "graph/values/clock.h"

namespace dagfusion {

TaskBodies::TaskBodies(Section& section)
    : section_(section), checked_(section.checked), plan_(section.plan), shared_(section.shared) {
  for (const Task& task : plan_.tasks)
    for (const Mean& mean : task.means)
      mean_sums_[mean.to].resize(plan_.slots[mean.to].spec.stored_elements());
}

void TaskBodies::run(int index, Frame& frame) noexcept {
  if (section_.skips(frame) || frame.elsewhere) return;
  observed(
      shared_.options.observer, [&] { return FrameVisit(section_, index, frame); },
      [&] { run_guarded(index, frame); });
}

void TaskBodies::run_guarded(int index, Frame& frame) noexcept {
  const Task& task = plan_.tasks[index];
  const std::int64_t begin = clock_now();
  try {
    switch (task.kind) {
      case Task::Kind::loop_head:
        loop_head(task, frame);
        break;
      case Task::Kind::step:
        step(task, index, frame);
        break;
      case Task::Kind::exchange:
        exchange_step(frame);
        break;
      case Task::Kind::admission:
      case Task::Kind::collect:
      case Task::Kind::release:
      case Task::Kind::child:
      case Task::Kind::loop_tail:
        break;
      default:
        run_visits(task, frame);
        if (task.kind == Task::Kind::accumulate && frame.last_of_group) group_done(index, frame);
    }
  } catch (const std::exception& e) {
    describe_failure(index, frame, what_of(e));
  } catch (...) {
    describe_failure(index, frame, "an exception of unknown type");
  }
  section_.clock.done(index, frame, begin);
}

void TaskBodies::describe_failure(int index, Frame& frame, const char* what) noexcept {
  try {
    const Task& task = plan_.tasks[index];
    const CheckedNode* node = task.visits.empty() ? nullptr : &checked_.nodes[task.visits[0].node];
    if (node && node->drop_on_error) return section_.drop(frame, what);
    const std::string who = node ? where_and_owner(*node) : task.name;
    const std::string when = checked_.run.training ? fmt::format("step {}, ", frame.step + 1) : "";
    shared_.failure.report(section_.main_ticket(frame),
                           fmt::format("{}: {} ({}images {} to {})", who, what, when, frame.position,
                                       frame.position + std::max(frame.valid, 1) - 1));
  } catch (...) {
    shared_.failure.report_without_words(section_.main_ticket(frame));
  }
}

void TaskBodies::sum_gradients(const Task& task, const Frame& frame) const {
  std::byte* sum = section_.slot(task.sum, frame);
  const std::byte* first = section_.slot(task.terms[0], frame);
  for (std::size_t t = 1; t < task.terms.size(); ++t, first = sum)
    add(plan_.slots[task.sum].spec, first, section_.slot(task.terms[t], frame), sum);
}

// The weights' gradients of one group of frames are whole.
void TaskBodies::group_done(int index, const Frame& frame) const {
  for (const int w : checked_.nodes[plan_.tasks[index].visits[0].node].weights) {
    const WeightSpec& weight = checked_.weights->weights()[static_cast<std::size_t>(w)];
    shared_.gradients.join(frame.group, weight.offset, weight.elements());
  }
  if (section_.exchange && frame.last_of_step) section_.exchange->gradients_done(index);
}

void TaskBodies::run_visits(const Task& task, Frame& frame) {
  if (task.kind == Task::Kind::sum_gradients) return sum_gradients(task, frame);
  bool first = task.kind == Task::Kind::accumulate ? frame.first_of_group : frame.first_of_step;
  for (const Visit& visit : task.visits) {
    FrameCall call(section_, visit, frame, first);
    first = false;  // a second call of the same model adds
    Node& node = *checked_.nodes[visit.node].node;
    if (visit.when >= 0 && section_.is_zero(visit.when, frame)) {
      if (const auto* choice = dynamic_cast<const Choose*>(&node)) choice->otherwise(call);
      continue;
    }
    switch (task.kind) {
      case Task::Kind::forward:
      case Task::Kind::again:
        static_cast<const Map&>(node).forward(call);
        break;
      case Task::Kind::backward:
        static_cast<const DifferentiableMap&>(node).backward(call);
        break;
      case Task::Kind::accumulate:
        static_cast<const DifferentiableMap&>(node).accumulate(call);
        break;
      case Task::Kind::ahead:
        dynamic_cast<const WorksAhead&>(node).ahead(call);
        break;
      case Task::Kind::ordered:
        static_cast<Ordered&>(node).run(call);
        break;
      default:
        throw std::logic_error("a task without a visit");
    }
  }
}

}  // namespace dagfusion
