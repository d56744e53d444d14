// What happens once per step: means over its frames, nodes that are due, saving, a pipeline inside, the end
// of the run.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "graph/run/frame_call.h"

namespace dagfusion {

// Per-frame values, weighted by their images, in frame order.
void Section::add_to_means(const Task& task, const Frame& frame) {
  for (const Mean& mean : task.means) {
    std::vector<double>& sums = mean_sums_[mean.to];
    if (frame.first_of_step) std::fill(sums.begin(), sums.end(), 0.0);
    const auto* values = reinterpret_cast<const float*>(slot(mean.from, frame));
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(values[i]) * frame.valid;
  }
}

void Section::step(const Task& task, int index, Frame& frame) {
  add_to_means(task, frame);
  if (frame.first_of_step && index == plan_.steps.front()) mean_images_ = 0;
  if (index == plan_.steps.front()) mean_images_ += frame.valid;
  if (!frame.last_of_step) return;
  for (const Mean& mean : task.means) {
    auto* values = reinterpret_cast<float*>(step_memory_.data() + plan_.slots[mean.to].offset);
    const std::vector<double>& sums = mean_sums_[mean.to];
    for (std::size_t i = 0; i < sums.size(); ++i)
      values[i] = static_cast<float>(sums[i] / static_cast<double>(mean_images_));
  }
  if (checked_.nodes[task.visits[0].node].type->phase != Phase::write) step_applied(frame.step);
  if (!due(index, frame.step)) return;
  FrameCall call(*this, task.visits[0], frame, true);
  static_cast<Ordered&>(*checked_.nodes[task.visits[0].node].node).run(call);
}

// All that writes resources is done. A pipeline inside another goes by the steps of the run around it.
void Section::step_applied(std::int64_t step) {
  if (parent_ticket_ < 0 && steps_done_ <= step) steps_done_ = step + 1;
}

// Decided once for each node and step, by whoever asks first:
// the entry when it looks ahead, or the step itself.
bool Section::due(int index, std::int64_t step) const {
  const Every& every = checked_.nodes[plan_.tasks[index].visits[0].node].every;
  const std::int64_t last = checked_.run.training ? checked_.run.steps : checked_.frames_of_images();
  // What trains is not to depend on how many steps were asked for: the run may be made longer.
  const bool writes =
      checked_.run.training && checked_.nodes[plan_.tasks[index].visits[0].node].type->phase == Phase::write;
  if (step + 1 == last && !writes) return true;
  if (every.seconds <= 0) return (step + 1) % every.steps == 0;
  const std::lock_guard lock(due_mutex_);
  std::map<std::int64_t, bool>& decided = due_by_clock_[index];
  if (const auto known = decided.find(step); known != decided.end()) return known->second;
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto [fired, fresh] = last_fired_.try_emplace(index, now);
  const bool fires = !fresh && now - fired->second >= every.seconds;
  if (fires) fired->second = now;
  decided.erase(decided.begin(), decided.lower_bound(steps_done_ - 2));  // save_now() asks again for the last
  return decided[step] = fires;
}

bool Section::gives(int node, std::int64_t step) const {
  const auto is_it = [&](int task) { return plan_.tasks[task].visits[0].node == node; };
  const auto task = std::find_if(plan_.steps.begin(), plan_.steps.end(), is_it);
  return task == plan_.steps.end() || due(*task, step);
}

bool Section::begin_child(int node, Frame& frame) noexcept {
  Section& child = *child_of_node_.at(node);
  try {
    const int source = checked_.nodes[node].child_weights;
    child.values_ = &shared_.live;
    if (source >= 0) child.values_ = &dynamic_cast<WeightSource&>(*checked_.nodes[source].node).weights();
    child.told_.clear();  // of several previews, the last is reported
    child.directory_ = directory_ / "previews" / fmt::format("step-{:06}", frame.step + 1);
    if (!directory_.empty() && !std::filesystem::is_directory(directory_))
      throw std::runtime_error(fmt::format("the run directory '{}' is gone", directory_.string()));
    std::filesystem::create_directories(child.directory_);
    child.steps_done_ = frame.step + 1;
    return true;
  } catch (const std::exception& e) {
    shared_.fail(main_ticket(frame), fmt::format("{}: {} (step {})", where_and_owner(checked_.nodes[node]),
                                                 e.what(), frame.step + 1));
    return false;
  }
}

void Section::end_child(int node, Frame& frame) noexcept {
  try {
    if (!skips(frame)) child_of_node_.at(node)->finish_nodes();
  } catch (const std::exception& e) {
    shared_.fail(main_ticket(frame), fmt::format("{}: {} (step {})", where_and_owner(checked_.nodes[node]),
                                                 e.what(), frame.step + 1));
  }
}

std::string Section::where_and_owner(const CheckedNode& node) {
  return fmt::format("{}: {}", to_string(node.where), owner_of(node.path, node.type->name));
}

void Section::save_now() {
  for (const int t : plan_.steps) {
    const CheckedNode& node = checked_.nodes[plan_.tasks[t].visits[0].node];
    const std::int64_t done = steps_done_;
    if (node.type->phase != Phase::save || done <= shared_.options.first_step || due(t, done - 1)) continue;
    Frame frame;
    frame.step = done - 1;
    FrameCall call(*this, plan_.tasks[t].visits[0], frame, true);
    try {
      static_cast<Ordered&>(*node.node).run(call);
    } catch (const std::exception& e) {
      throw RunError(fmt::format("{}: {} (after step {})", where_and_owner(node), e.what(), done));
    }
  }
}

void Section::finish_nodes() {
  for (const CheckedNode& node : checked_.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(node.node.get())) {
      try {
        ordered->finish(*this);
      } catch (const std::exception& e) {
        throw RunError(fmt::format("{}: {} (at the end of the run)", where_and_owner(node), e.what()));
      }
    }
}

}  // namespace dagfusion
