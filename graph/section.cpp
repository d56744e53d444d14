// What the tasks of a section do when a frame comes to them. Nothing here throws into oneTBB.
#include "graph/section.h"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "graph/frame_call.h"

namespace dagfusion {

void Shared::fail(std::int64_t main_ticket, std::string message) {
  const std::lock_guard lock(mutex);
  if (error_ticket >= 0 && error_ticket <= main_ticket) return;  // the earliest frame tells
  error_ticket = main_ticket;
  error = std::move(message);
  failed_ticket.store(main_ticket);
}

std::byte* FrameCall::scratch() const {
  return section_.shared_.scratch[tbb::this_task_arena::current_thread_index()].data();
}

void FrameCall::drop(const std::string& reason) const {
  frame_.dropped = true;
  const std::lock_guard lock(section_.shared_.mutex);
  section_.shared_.dropped.push_back(fmt::format("image {}: {}", frame_.position, reason));
}

Section::Section(const Checked& checked, Shared& shared, std::string prefix)
    : checked_(checked), shared_(shared), plan_(dagfusion::plan(checked)), step_memory_(plan_.step_bytes) {
  values_ = &shared.live;
  directory_ = shared.options.directory;
  costs_ = std::make_unique<Cost[]>(plan_.tasks.size());
  if (plan_.seed >= 0)
    *reinterpret_cast<float*>(step_memory_.data() + plan_.slots[plan_.seed].offset) =
        static_cast<float>(static_cast<double>(checked.run.micro_batch) / static_cast<double>(checked.run.batch_size));
  for (const Task& task : plan_.tasks)
    for (const Mean& mean : task.means)
      mean_sums_[mean.to].resize(plan_.slots[mean.to].spec.stored_elements());
  for (std::size_t n = 0; n < checked.nodes.size(); ++n) {
    if (!checked.nodes[n].child) continue;
    children_.push_back(std::make_unique<Section>(*checked.nodes[n].child, shared, prefix + checked.nodes[n].path + "/"));
    child_of_node_[static_cast<int>(n)] = children_.back().get();
  }
  steps_done_ = shared.options.first_step;
  steps_applied_ = shared.options.first_step;
  frames_in_flight_ = checked.run.frames_in_flight > 0 ? checked.run.frames_in_flight : shared.lanes + 2;
}

Section::~Section() = default;

void Section::prepare(Preparation& preparation) {
  for (const CheckedNode& node : checked_.nodes)
    if (node.node) node.node->prepare(preparation);
  for (auto& child : children_) child->prepare(preparation);
}

std::byte* Section::slot(int index, const Frame& frame) const {
  const Slot& s = plan_.slots[index];
  switch (s.place) {
    case Place::lane: return frame.lane + s.offset;
    case Place::frame: return frame.memory.data() + s.offset;
    case Place::step: return step_memory_.data() + s.offset;
  }
  return nullptr;
}

bool Section::skips(const Frame& frame) const {
  return frame.dropped.load(std::memory_order_relaxed) || shared_.stop.load(std::memory_order_relaxed) >= 2 ||
         main_ticket(frame) >= shared_.failed_ticket.load(std::memory_order_relaxed);
}

void Section::run_task(int index, Frame& frame) noexcept {
  const Task& task = plan_.tasks[index];
  if (skips(frame)) return;
  const auto begin = std::chrono::steady_clock::now();
  try {
    switch (task.kind) {
      case Task::Kind::loop_head: loop_head(task, frame); break;
      case Task::Kind::step: step(task, index, frame); break;
      case Task::Kind::admission:
      case Task::Kind::release:
      case Task::Kind::child:
      case Task::Kind::loop_tail: break;
      default: run_visits(task, index, frame);
    }
  } catch (const std::exception& e) {
    describe_failure(index, frame, e.what());
  } catch (...) {
    describe_failure(index, frame, "an exception of unknown type");
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  costs_[index].calls.fetch_add(1, std::memory_order_relaxed);
  costs_[index].nanoseconds.fetch_add(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count(),
                                      std::memory_order_relaxed);
}

void Section::describe_failure(int index, const Frame& frame, const char* what) noexcept {
  try {
    const Task& task = plan_.tasks[index];
    const CheckedNode* node = task.visits.empty() ? nullptr : &checked_.nodes[task.visits[0].node];
    if (node && node->drop_on_error) {
      const_cast<Frame&>(frame).dropped = true;
      const std::lock_guard lock(shared_.mutex);
      shared_.dropped.push_back(fmt::format("image {}: {}", frame.position, what));
      return;
    }
    const std::string who = node ? fmt::format("{}: {}", to_string(node->where), owner_of(node->path, node->type->name)) : task.name;
    const std::string when = checked_.run.training ? fmt::format("step {}, ", frame.step + 1) : "";
    shared_.fail(main_ticket(frame), fmt::format("{}: {} ({}images {} to {})", who, what, when, frame.position,
                                                 frame.position + std::max(frame.valid, 1) - 1));
  } catch (...) {
    shared_.failed_ticket.store(0);  // no memory for words: stop all the same
  }
}

void Section::run_visits(const Task& task, int, Frame& frame) {
  if (task.kind == Task::Kind::sum_gradients) {
    const std::size_t count = plan_.slots[task.sum].spec.stored_elements();
    auto* sum = reinterpret_cast<float*>(slot(task.sum, frame));
    const auto* first = reinterpret_cast<const float*>(slot(task.terms[0], frame));
    const auto* second = reinterpret_cast<const float*>(slot(task.terms[1], frame));
    for (std::size_t i = 0; i < count; ++i) sum[i] = first[i] + second[i];
    for (std::size_t t = 2; t < task.terms.size(); ++t) {
      const auto* more = reinterpret_cast<const float*>(slot(task.terms[t], frame));
      for (std::size_t i = 0; i < count; ++i) sum[i] += more[i];
    }
    return;
  }
  bool first = frame.first_of_step;
  for (const Visit& visit : task.visits) {
    FrameCall call(*this, visit, frame, first);
    first = false;  // a second call of the same model adds
    Node& node = *checked_.nodes[visit.node].node;
    switch (task.kind) {
      case Task::Kind::forward: static_cast<const Map&>(node).forward(call); break;
      case Task::Kind::backward: static_cast<const Map&>(node).backward(call); break;
      case Task::Kind::accumulate: static_cast<const Map&>(node).accumulate(call); break;
      case Task::Kind::ordered: static_cast<Ordered&>(node).run(call); break;
      default: throw std::logic_error("a task without a visit");
    }
  }
}

void Section::loop_head(const Task& task, Frame& frame) {
  const PlannedLoop& loop = plan_.loops[task.loop];
  if (frame.iteration[task.loop] > 0) return;
  for (std::size_t c = 0; c < loop.carry.size(); ++c) {
    const std::size_t bytes = plan_.slots[loop.carry[c]].spec.bytes();
    if (loop.start[c] < 0)
      std::memset(slot(loop.carry[c], frame), 0, bytes);
    else
      std::memcpy(slot(loop.carry[c], frame), slot(loop.start[c], frame), bytes);
  }
}

bool Section::loop_again(const Task& task, Frame& frame) noexcept {
  const PlannedLoop& loop = plan_.loops[task.loop];
  int& iteration = frame.iteration[task.loop];
  if (skips(frame)) {
    iteration = 0;
    return false;
  }
  for (std::size_t c = 0; c < loop.collect.size(); ++c) {
    const bool last = iteration + 1 == loop.count;
    if ((iteration + 1) % loop.every[c] != 0 && !last) continue;
    const TensorSpec& one = plan_.slots[loop.collect[c]].spec;
    const std::size_t image = one.bytes() / static_cast<std::size_t>(one.shape[0]);
    const std::size_t places = static_cast<std::size_t>(plan_.slots[loop.strips[c]].spec.shape[1]);
    const std::size_t place = static_cast<std::size_t>(iteration / loop.every[c]);
    for (std::int64_t n = 0; n < one.shape[0]; ++n)
      std::memcpy(slot(loop.strips[c], frame) + (static_cast<std::size_t>(n) * places + place) * image,
                  slot(loop.collect[c], frame) + static_cast<std::size_t>(n) * image, image);
  }
  const bool again = ++iteration < loop.count;
  for (std::size_t c = 0; c < loop.carry.size(); ++c)
    std::memcpy(slot(again ? loop.carry[c] : loop.last[c], frame), slot(loop.next[c], frame),
                plan_.slots[loop.carry[c]].spec.bytes());
  if (!again) iteration = 0;
  return again;
}

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
    for (std::size_t i = 0; i < sums.size(); ++i) values[i] = static_cast<float>(sums[i] / static_cast<double>(mean_images_));
  }
  if (checked_.nodes[task.visits[0].node].type->phase != Phase::write) steps_done_ = frame.step + 1;
  if (!due(index, frame.step)) return;
  FrameCall call(*this, task.visits[0], frame, true);
  static_cast<Ordered&>(*checked_.nodes[task.visits[0].node].node).run(call);
}

// Decided once for each node and step, by whoever asks first.
bool Section::due(int index, std::int64_t step) const {
  const Every& every = checked_.nodes[plan_.tasks[index].visits[0].node].every;
  const std::int64_t last = checked_.run.training
                                ? checked_.run.steps
                                : (checked_.images.value_or(0) + checked_.run.micro_batch - 1) / checked_.run.micro_batch;
  // What trains is not to depend on how many steps were asked for: the run may be made longer.
  const bool writes = checked_.run.training && checked_.nodes[plan_.tasks[index].visits[0].node].type->phase == Phase::write;
  if (step + 1 == last && !writes) return true;
  if (every.seconds <= 0) return (step + 1) % every.steps == 0;
  const std::lock_guard lock(due_mutex_);
  auto& self = const_cast<Section&>(*this);
  std::map<std::int64_t, bool>& decided = self.due_by_clock_[index];
  if (const auto known = decided.find(step); known != decided.end()) return known->second;
  const double now = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto [fired, fresh] = self.last_fired_.try_emplace(index, now);
  const bool fires = !fresh && now - fired->second >= every.seconds;
  if (fires) fired->second = now;
  decided.erase(decided.begin(), decided.lower_bound(step - 8));
  return decided[step] = fires;
}

void Section::retired(const Frame& frame) {
  if (skips(frame)) return;
  images_done_ += frame.valid;
  if (checked_.groups.empty()) return;
  if (frame.first_of_step) loss_sum_ = 0;
  loss_sum_ += static_cast<double>(*reinterpret_cast<const float*>(slot(plan_.losses[0], frame))) * frame.valid;
  if (frame.last_of_step) loss_ = loss_sum_ / static_cast<double>(checked_.run.batch_size);
}

Progress Section::progress() const {
  return {.steps = steps_done_,
          .first_step = shared_.options.first_step,
          .all_steps = checked_.run.steps,
          .images = images_done_,
          .all_images = checked_.run.training ? (checked_.run.steps - shared_.options.first_step) * checked_.run.batch_size
                                              : checked_.images.value_or(-1),
          .loss = loss_,
          .has_loss = !checked_.groups.empty() && steps_done_ > shared_.options.first_step};
}

bool Section::begin_child(int node, Frame& frame) noexcept {
  Section& child = *child_of_node_.at(node);
  try {
    const int source = checked_.nodes[node].child_weights;
    child.values_ = &shared_.live;
    if (source >= 0) {
      child.values_ = &dynamic_cast<WeightSource&>(*checked_.nodes[source].node).weights();
      checked_.weights->pack(*child.values_);
    }
    child.directory_ = directory_ / "previews" / fmt::format("step-{:06}", frame.step + 1);
    std::filesystem::create_directories(child.directory_);
    child.steps_done_ = frame.step + 1;
    return true;
  } catch (const std::exception& e) {
    shared_.fail(main_ticket(frame), fmt::format("{}: {}", owner_of(checked_.nodes[node].path, "run_pipeline"), e.what()));
    return false;
  }
}

void Section::end_child(int node, Frame& frame) noexcept {
  try {
    if (!skips(frame)) child_of_node_.at(node)->finish_nodes();
  } catch (const std::exception& e) {
    shared_.fail(main_ticket(frame), fmt::format("{}: {}", owner_of(checked_.nodes[node].path, "run_pipeline"), e.what()));
  }
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
      throw RunError(fmt::format("{}: {}: {}", to_string(node.where), owner_of(node.path, node.type->name), e.what()));
    }
  }
}

void Section::finish_nodes() {
  for (const CheckedNode& node : checked_.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(node.node.get())) {
      try {
        ordered->finish(*this);
      } catch (const std::exception& e) {
        throw RunError(fmt::format("{}: {}: {}", to_string(node.where), owner_of(node.path, node.type->name), e.what()));
      }
    }
}

std::filesystem::path Section::resolve(const std::string& path) const {
  const std::filesystem::path given(path);
  return given.is_absolute() ? given : directory_ / given;
}

std::string Section::state_json() const {
  const RunSettings& run = checked_.run;
  nlohmann::ordered_json json;
  json["version"] = 1;
  json["step"] = steps_done();
  json["seed"] = run.seed;
  json["batch_size"] = run.batch_size;
  json["micro_batch"] = run.micro_batch;
  json["precision"] = run.activation == DType::bf16 ? "bfloat16" : "float32";
  json["instruction_set"] = shared_.options.instruction_set;
  json["model_input"] = checked_.model_input;
  for (const CheckedNode& n : checked_.nodes)
    if (const auto* data = dynamic_cast<const DataSet*>(n.node.get())) json["data"][n.path] = data->fingerprint();
  return json.dump(2) + "\n";
}

std::vector<RunInfo::Stateful> Section::stateful() const {
  std::vector<Stateful> found;
  for (const CheckedNode& n : checked_.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(n.node.get()))
      if (!ordered->state().empty()) found.push_back({n.path, n.type->name, ordered});
  return found;
}

void Section::told(const std::string& line) {
  const std::lock_guard lock(shared_.mutex);
  shared_.told.push_back(line);
}

std::vector<TaskTime> Section::times() const {
  std::vector<TaskTime> found;
  for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
    if (costs_[t].calls == 0) continue;
    const Task& task = plan_.tasks[t];
    found.push_back({.name = task.name,
                     .type = task.visits.empty() ? "engine" : checked_.nodes[task.visits[0].node].type->name,
                     .calls = costs_[t].calls,
                     .seconds = static_cast<double>(costs_[t].nanoseconds) * 1e-9});
  }
  return found;
}

}  // namespace dagfusion
