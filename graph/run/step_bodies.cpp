// What happens once per step: means over its frames, nodes that are due, saving, a pipeline inside,
// the end of the run.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "graph/run/flow.h"
#include "graph/run/frame_call.h"
#include "graph/run/task_bodies.h"
#include "graph/run/unfinished.h"
#include "graph/types/gathers.h"
#include "graph/types/needs_all.h"
#include "graph/types/takes_up.h"

namespace dagfusion {

void TaskBodies::add_to_mean(const Mean& mean, const float* values, double images) {
  std::vector<double>& sums = mean_sums_[mean.to];
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(values[i]) * images;
}

// Per-frame values, weighted by their images, in frame order; those of other processes come with the last frame.
void TaskBodies::add_to_means(const Task& task, int index, const Frame& frame) {
  if (frame.first_of_step)
    for (const Mean& mean : task.means)
      std::fill(mean_sums_[mean.to].begin(), mean_sums_[mean.to].end(), 0.0);
  const bool counts = index == plan_.steps.front();
  if (counts && frame.first_of_step) mean_images_ = 0;
  if (const StepExchange* exchange = section_.exchange.get()) {
    if (!frame.last_of_step) return;
    for (std::int64_t f = 0; f < exchange->frames(); ++f) {
      for (const Mean& mean : task.means)
        add_to_mean(mean, exchange->value(f, mean.from), exchange->images_of(f));
      if (counts) mean_images_ += static_cast<std::int64_t>(exchange->images_of(f));
    }
    return;
  }
  for (const Mean& mean : task.means)
    add_to_mean(mean, reinterpret_cast<const float*>(section_.slot(mean.from, frame)), frame.valid);
  if (counts) mean_images_ += frame.valid;
}

void TaskBodies::exchange_step(const Frame& frame) {
  StepExchange& exchange = *section_.exchange;
  exchange.note(frame, [&](int slot) { return reinterpret_cast<const float*>(section_.slot(slot, frame)); });
  if (!frame.last_of_step) return;
  exchange.finish(frame.step, shared_.stop.made());
  section_.retire_step();
}

void TaskBodies::write_means(const Task& task) {
  for (const Mean& mean : task.means) {
    auto* values = reinterpret_cast<float*>(section_.step_memory.data() + plan_.slots[mean.to].offset);
    const std::vector<double>& sums = mean_sums_[mean.to];
    for (std::size_t i = 0; i < sums.size(); ++i)
      values[i] = static_cast<float>(sums[i] / static_cast<double>(mean_images_));
  }
}

void TaskBodies::step(const Task& task, int index, Frame& frame) {
  add_to_means(task, index, frame);
  if (!frame.last_of_step) return;
  write_means(task);
  const CheckedNode& node = checked_.nodes[task.visits[0].node];
  if (node.type->phase != Phase::write) section_.step_applied(frame.step);
  if (!section_.runs_here(node)) return;
  auto& ordered = static_cast<Ordered&>(*node.node);
  FrameCall call(section_, task.visits[0], frame, true);
  if (!section_.due.fires(index, frame.step)) {
    if (auto* gathers = dynamic_cast<Gathers*>(&ordered)) gathers->gather(call);
    return;
  }
  if (node.type->phase == Phase::write) {
    ordered.run(call);
    return section_.pack_average(task.visits[0].node);
  }
  if (node.type->phase != Phase::save) return ordered.run(call);
  const Pauses::Pause pause(section_.pauses, index);
  ordered.run(call);
}

namespace {

namespace fs = std::filesystem;

std::set<fs::path> entries_of(const fs::path& folder) {
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.insert(entry.path());
  return found;
}

}  // namespace

int step_task_of(const Plan& plan, int node) {
  for (const int t : plan.steps)
    if (plan.tasks[t].visits[0].node == node) return t;
  throw std::logic_error("no task of a step");
}

// What lies there is of a process that was killed, and did the step before.
void TaskBodies::empty_folder(const fs::path& folder, std::int64_t step) {
  const bool done_before = step < shared_.options.first_step;  // and its folder kept
  if (!section_.directory.empty() && !done_before && emptied_ != step) fs::remove_all(folder);
  emptied_ = step;
}

void TaskBodies::make_inner_folder(const Section& inner, const Frame& frame) {
  if (!section_.directory.empty() && !std::filesystem::is_directory(section_.directory))
    throw std::runtime_error(fmt::format("the run directory '{}' is gone", section_.directory.string()));
  empty_folder(inner.directory, frame.step);
  fs::create_directories(inner.directory);
  there_before_ = entries_of(inner.directory);
}

bool TaskBodies::begin_inner(int node, Frame& frame) noexcept {
  Section& inner = *section_.inner.at(node);
  try {
    section_.pauses.begins(step_task_of(plan_, node));
    inner.visits_before = inner.clock.visits();
    const int source = checked_.nodes[node].child_weights;
    inner.values = &shared_.live;
    if (source >= 0) inner.values = &dynamic_cast<WeightSource&>(*checked_.nodes[source].node).weights();
    inner.told.clear();  // of several previews, the report names the last
    inner.due.forget_before(std::numeric_limits<std::int64_t>::max());  // its steps start anew
    inner.directory = inner_folder(section_.directory, frame.step + 1);
    inner.steps_done = frame.step + 1;
    if (section_.is_first_process()) make_inner_folder(inner, frame);
    return true;
  } catch (const std::exception& e) {
    section_.pauses.ends(step_task_of(plan_, node));
    fail_inner(node, frame, what_of(e));
    return false;
  }
}

void TaskBodies::end_inner(int node, Frame& frame) noexcept {
  section_.pauses.ends(step_task_of(plan_, node));
  try {
    if (section_.skips(frame)) return;
    Section& inner = *section_.inner.at(node);
    if (inner.is_to_stop_at_once()) return put_off(node, frame);
    finish_nodes(inner, Came::all);
    if (section_.is_first_process()) fs::remove(unfinished_mark(inner.directory, checked_.nodes[node].path));
  } catch (const std::exception& e) {
    fail_inner(node, frame, what_of(e));
  }
}

void TaskBodies::put_off(int node, const Frame& frame) {
  Section& inner = *section_.inner.at(node);
  const std::string& name = checked_.nodes[node].path;
  inner.cut_short = true;
  inner.told = {
      fmt::format("'{}' of step {} was cut short; it runs again when the run goes on", name, frame.step + 1)};
  for (const fs::path& entry : entries_of(inner.directory))
    if (!there_before_.contains(entry)) fs::remove_all(entry);
  const fs::path mark = unfinished_mark(inner.directory, name);
  if (!std::ofstream(mark)) throw std::runtime_error(fmt::format("cannot create '{}'", mark.string()));
}

void TaskBodies::fail_inner(int node, const Frame& frame, const char* what) noexcept {
  const std::int64_t ticket = section_.main_ticket(frame);
  try {
    shared_.failure.report(
        ticket, fmt::format("{}: {} (step {})", where_and_owner(checked_.nodes[node]), what, frame.step + 1));
  } catch (...) {
    shared_.failure.report_without_words(ticket);
  }
}

void save_now(Section& section) {
  for (const int t : section.plan.steps) {
    const Visit& visit = section.plan.tasks[t].visits[0];
    const CheckedNode& node = section.checked.nodes[visit.node];
    const std::int64_t done = section.steps_done;
    if (!section.runs_here(node)) continue;
    if (node.type->phase != Phase::save || done <= section.shared.options.first_step ||
        section.due.fires(t, done - 1))
      continue;
    Frame frame;
    frame.step = done - 1;
    FrameCall call(section, visit, frame, true);
    try {
      static_cast<Ordered&>(*node.node).run(call);
    } catch (const std::exception& e) {
      throw RunError(fmt::format("{}: {} (after step {})", where_and_owner(node), what_of(e), done));
    }
  }
}

void finish_nodes(Section& section, Came came) {
  for (const CheckedNode& node : section.checked.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(node.node.get()); ordered && section.runs_here(node)) {
      try {
        auto* needs_all = came == Came::a_part ? dynamic_cast<NeedsAll*>(ordered) : nullptr;
        if (needs_all)
          needs_all->give_up(section.info);
        else
          ordered->finish(section.info);
      } catch (const std::exception& e) {
        throw RunError(fmt::format("{}: {} (at the end of the run)", where_and_owner(node), what_of(e)));
      }
    }
}

namespace {

// Why all images have to come; empty when only sinks take them in order that can go on.
std::string why_from_the_start(const Section& main) {
  if (main.shared.options.cluster) return "several processes share the run";
  const auto takes_up = [](const CheckedNode& n) { return dynamic_cast<const TakesUp*>(n.node.get()); };
  if (std::none_of(main.checked.nodes.begin(), main.checked.nodes.end(), takes_up))
    return "no node of it can go on";
  for (const CheckedNode& node : main.checked.nodes)
    if (dynamic_cast<const Ordered*>(node.node.get()) && !dynamic_cast<const TakesUp*>(node.node.get()))
      return fmt::format("{} has to see every image", owner_of(node.path, node.type->name));
  return "";
}

}  // namespace

void take_up_unfinished(Section& main) {
  if (const std::string why = why_from_the_start(main); !why.empty()) {
    main.told.push_back(fmt::format("what an unfinished run had left was made anew: {}", why));
    return;
  }
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  const auto for_each_sink = [&](const auto& call) {
    for (const CheckedNode& node : main.checked.nodes)
      if (auto* sink = dynamic_cast<TakesUp*>(node.node.get())) {
        try {
          call(*sink);
        } catch (const std::exception& e) {
          throw RunError(fmt::format("{}: {} (at the start of the run)", where_and_owner(node), what_of(e)));
        }
      }
  };
  for_each_sink([&](TakesUp& sink) { left = std::min(left, sink.images_left(main.info)); });
  const std::int64_t frames = std::min(left / main.checked.run.micro_batch, main.checked.frames_of_images());
  for_each_sink([&](TakesUp& sink) { sink.take_up(main.info, frames * main.checked.run.micro_batch); });
  main.shared.options.first_frame = frames;
  main.taken_up = std::min(frames * main.checked.run.micro_batch, *main.checked.images);
}

namespace {

// What the first process finds in the run directory is so for all.
bool is_unfinished(const Section& main, int node) {
  const auto marked = [&] {
    const fs::path folder = inner_folder(main.directory, main.shared.options.first_step);
    return !main.directory.empty() && fs::exists(unfinished_mark(folder, main.checked.nodes[node].path));
  };
  Cluster* cluster = main.shared.options.cluster;
  return cluster ? cluster->gather(marked() ? "marked" : "").front() == "marked" : marked();
}

}  // namespace

void run_unfinished(Section& main) {
  const std::int64_t done = main.shared.options.first_step;
  if (done == 0) return;
  TaskBodies bodies(main);
  Frame frame;
  frame.step = done - 1;
  for (const auto& [node, inner] : main.inner) {
    if (!is_unfinished(main, node)) continue;
    if (main.shared.stop.made() || !bodies.begin_inner(node, frame)) return;
    run_flow(*inner, main.shared, frame.ticket);
    bodies.end_inner(node, frame);
  }
}

}  // namespace dagfusion
