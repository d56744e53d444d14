#include "graph/run/flow.h"

#include <fmt/format.h>

#include "graph/run/section_graph.h"
#include "graph/values/clock.h"

namespace dagfusion {

void SectionGraph::begins(int t, const Frame* f) const noexcept {
  take_over(&f->waiting[t]);
  if (plan_.tasks[t].serial) take_over(&chains_[t]);
}

void SectionGraph::ends(int t, const Frame* f) const noexcept {
  if (plan_.tasks[t].serial) hand_over(&chains_[t]);
  for (const int next : chains_[t].next) hand_over(&f->waiting[next]);
}

void SectionGraph::start(std::int64_t parent_ticket) {
  section_.parent_ticket = parent_ticket;
  const RunSettings& run = section_.checked.run;
  const StepShare& share = section_.share;
  first_ = run.training ? shared_.options.first_step * share.frames : shared_.options.first_frame;
  const std::int64_t all = run.training ? run.steps * share.frames : section_.checked.frames_of_images();
  total_ = all - first_;
  stride_ = 1;
  if (section_.is_shared() && !section_.is_first_process()) take_own_frames(all);
  steps_applied_ = run.training ? shared_.options.first_step : 0;
  emitted_ = 0;
  home_ = 0;
  ended_ = false;
  done_ = false;
  poke(*entry_);
}

// Every so many-th frame is this process's; the first one has all of them come in.
void SectionGraph::take_own_frames(std::int64_t all) {
  const Cluster& cluster = *shared_.options.cluster;
  stride_ = cluster.size();
  while (section_.owner_of(first_) != cluster.rank()) ++first_;
  total_ = std::max<std::int64_t>(0, (all - first_ + stride_ - 1) / stride_);
}

std::string SectionGraph::stranded() const {
  if (home_ == emitted_ && ended_) return "";
  std::string text = fmt::format("{} of {} frames did not come home, {} were never sent:", emitted_ - home_,
                                 emitted_, total_ - emitted_);
  for (const auto& frame : frames_)
    for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
      const int left = frame->waiting[t], all = arity(static_cast<int>(t));
      if (all > 1 && left != all)
        text += fmt::format("\n  frame {}: '{}' waits for {} of {} inputs", frame->ticket,
                            plan_.tasks[t].name, left, all);
    }
  return text;
}

// An inner pipeline runs behind its step, which is finished even
// when a later frame of the run around it has failed.
bool SectionGraph::stopping(std::int64_t step) const {
  if (section_.is_shared() && !section_.is_first_process()) return shared_.failure.happened();
  if (section_.exchange) return step >= section_.exchange->end() || shared_.failure.happened();
  if (section_.runs_inside())
    return section_.is_to_stop_at_once() || shared_.failure.ticket() <= section_.parent_ticket;
  return shared_.stop.made() || shared_.failure.happened();
}

// What saves after step `step`, or is a pipeline inside, must be done before the next step begins: nothing ordered may
// be ahead of a checkpoint, and a run that is stopped in a preview must be able to go on right behind its step.
bool SectionGraph::waits_after(std::int64_t step) const {
  if (steps_applied_ > step) return false;
  return std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](int t) {
    const CheckedNode& node = section_.checked.nodes[plan_.tasks[t].visits[0].node];
    return (node.child || node.type->phase == Phase::save) && section_.due.fires(t, step);
  });
}

// What all processes have agreed on two steps ago is known to each of them here;
// so none begins a step that another does not.
bool SectionGraph::waits_for_others(std::int64_t step) const {
  return section_.exchange && step > steps_applied_ + 1;
}

// `number`: of those that this process takes.
void SectionGraph::renew(Frame& f, std::int64_t number) const {
  const RunSettings& run = section_.checked.run;
  const StepShare& share = section_.share;
  const auto place = static_cast<int>(number % share.frames);  // in this process's part of the step
  f.step = number / share.frames;
  f.position = (f.step * plan_.frames_per_step + share.first + place) * run.micro_batch;
  f.first_of_step = place == 0;
  f.last_of_step = place + 1 == share.frames;
  const int in_a_group = plan_.frames_per_step / run.gradient_groups;
  f.group = (share.first + place) / in_a_group;
  f.first_of_group = place % in_a_group == 0;
  f.last_of_group = (place + 1) % in_a_group == 0;
  f.valid = run.micro_batch;
  if (!run.training)
    f.valid =
        static_cast<int>(std::min<std::int64_t>(run.micro_batch, *section_.checked.images - f.position));
  f.dropped = false;
  f.elsewhere = section_.is_shared() && section_.owner_of(number) != shared_.options.cluster->rank();
}

// Frames leave as long as some are idle, whole steps at a time;
// when all are home after the last, `on_done` is called.
void SectionGraph::enter(Frame* returned, Port& port) {
  take_over(entry_.get());
  if (returned) {
    take_over(returned);
    idle_.push_back(returned);
    ++home_;
  }
  while (!idle_.empty() && !ended_) {
    const std::int64_t next = first_ + emitted_ * stride_;
    const bool boundary = next % section_.share.frames == 0;
    const std::int64_t step = next / section_.share.frames;
    if (boundary && waits_for_others(step)) break;
    if (emitted_ == total_ || (boundary && stopping(step))) {
      ended_ = true;
      break;
    }
    const bool later = section_.checked.run.training && boundary && emitted_ > 0;
    if (later && waits_after(step - 1)) break;
    Frame* f = idle_.back();
    idle_.pop_back();
    f->ticket = next_ticket_++;
    renew(*f, next);
    ++emitted_;
    for (std::size_t t = 0; t < plan_.tasks.size(); ++t)
      if (plan_.tasks[t].before.empty()) hand_over(&f->waiting[t]);
    port.try_put(f);
  }
  hand_over(entry_.get());
  if (!ended_ || home_ != emitted_ || done_) return;
  done_ = true;
  if (on_done_) on_done_();  // last: this may be started again before it returns
}

// Frames enter the model in order, each with a lane, once the step before theirs has been applied.
void SectionGraph::admit(Frame* arrived, Port& port) {
  take_over(chains_[plan_.admission].control.get());
  const auto place = [&](std::int64_t ticket) -> Frame*& {
    return arrived_[static_cast<std::size_t>(ticket) % arrived_.size()];
  };
  if (arrived) begins(plan_.admission, arrived), place(arrived->ticket) = arrived;
  while (Frame* f = place(next_admitted_)) {
    if (section_.checked.run.training && steps_applied_ < f->step) return;
    int lane = -1;
    if (!f->elsewhere && !free_lanes_.try_pop(lane)) return;
    place(next_admitted_++) = nullptr;
    f->lane_index = lane;
    f->lane = f->elsewhere ? nullptr : shared_.lane_memory[static_cast<std::size_t>(lane)].data();
    f->done_at[plan_.admission].store(clock_now(), std::memory_order_relaxed);
    ends(plan_.admission, f);
    port.try_put(f);
  }
}

void SectionGraph::take_turn(Frame* arrived, Port& port) {
  const Control* turn = chains_[plan_.steps.front()].turn.get();
  take_over(turn);
  if (arrived)
    waiting_.push_back(arrived);
  else
    turn_taken_ = false;
  if (!turn_taken_ && !waiting_.empty()) {
    turn_taken_ = true;
    Frame* f = waiting_.front();
    waiting_.pop_front();
    port.try_put(f);
  }
  hand_over(turn);
}

// Behind the last step node. Frames may overtake each other on their way here; then those overtaken have
// passed it as well.
void SectionGraph::applied(const Frame& f) {
  if (f.last_of_step) {
    if (!section_.skips(f)) section_.step_applied(f.step);
    if (!section_.runs_inside() && shared_.options.on_step) shared_.options.on_step(f.step + 1);
    steps_applied_ = f.step + 1;
    if (plan_.admission >= 0) poke(*chains_[plan_.admission].control);
    poke(*entry_);
  }
  if (chains_[plan_.steps.front()].turn) poke(*chains_[plan_.steps.front()].turn);
}

void SectionGraph::run_child(int t, Frame* f, Port& port) {
  const int node = plan_.tasks[t].visits[0].node;
  if (!f) {  // the inner pipeline is done
    take_over(chains_[t].control.get());
    bodies_.end_inner(node, *waiting_for_child_);
    ends(t, waiting_for_child_);
    port.try_put(std::exchange(waiting_for_child_, nullptr));
    return;
  }
  begins(t, f);
  if (!f->last_of_step || section_.skips(*f) || !section_.due.fires(t, f->step) ||
      !bodies_.begin_inner(node, *f)) {
    ends(t, f);
    port.try_put(f);
    return;
  }
  waiting_for_child_ = f;
  children_.at(node)->start(section_.main_ticket(*f));
}

// In the first process: a frame of its own goes on at once, another when it has come from the process that has it.
void SectionGraph::collect(int t, Frame* f, Port& port) {
  if (!f) {
    take_over(chains_[t].control.get());
    for (Delivered delivered; delivered_.try_pop(delivered);) {
      take_frame(section_, *delivered.frame, delivered.parcel->text());
      ends(t, delivered.frame);
      port.try_put(delivered.frame);
      graph_.release_wait();
    }
    return;
  }
  begins(t, f);
  if (!f->elsewhere) {
    ends(t, f);
    port.try_put(f);
    return;
  }
  graph_.reserve_wait();
  const auto parcel = std::make_shared<ReceiveText>(section_.owner_of(f->step), f->step);
  parcel->when_done([this, f, control = chains_[t].control.get(), one = parcel.get()] {
    delivered_.push({f, one->shared_from_this()});
    poke(*control);
  });
  shared_.options.cluster->start(parcel);
}

// In the other processes: its way ends here.
void SectionGraph::give_away(Frame& f) {
  if (!section_.is_to_stop_at_once() && !shared_.failure.happened())
    shared_.options.cluster->start(std::make_shared<SendText>(0, f.step, parcel_of(section_, f)));
  f.elsewhere = true;
}

namespace {

// What oneTBB could not do (it had no memory, or no thread) comes out here, and the frames that it carried are lost.
// Nothing of the graph may go while a thread is still inside of it.
void wait_until_idle(flow::graph& graph, Shared& shared) {
  try {
    graph.wait_for_all();
  } catch (const std::exception& e) {
    shared.failure.report_fatal(what_of(e));
  }
}

}  // namespace

void drain(flow::graph& graph, Shared& shared) {
  graph.cancel();
  wait_until_idle(graph, shared);
}

FlowResult run_flow(Section& section, Shared& shared, std::int64_t parent_ticket) {
  flow::graph graph;
  SectionGraph sections(graph, section, shared, {});
  hand_over(&kRunBegins);
  try {
    sections.start(parent_ticket);
  } catch (const std::exception& e) {
    shared.failure.report_fatal(what_of(e));
    drain(graph, shared);
  }
  wait_until_idle(graph, shared);
  take_over(&kRunEnds);
  if (const std::string lost = sections.stranded(); !lost.empty() && !shared.failure.happened())
    throw std::logic_error(lost);
  return sections.result();
}

}  // namespace dagfusion
