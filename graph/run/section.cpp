#include "graph/run/section.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/plan/planned_memory.h"

namespace dagfusion {

namespace {

// The engine's own input of the backward pass: each frame counts by its share of the step's images.
float seed_of(const RunSettings& run) {
  return static_cast<float>(static_cast<double>(run.micro_batch) / static_cast<double>(run.batch_size));
}

// The first of several processes has the frames of the others on the way too.
int on_the_way(const Checked& checked, const Plan& plan, const Shared& shared) {
  const int own = frames_in_flight_of(checked.run, shared.lanes);
  const bool of_all = plan.collect >= 0 && shared.options.cluster->first();
  return of_all ? own * shared.options.cluster->size() : own;
}

StepShare share_of(const Checked& checked, const Plan& plan, const Cluster* cluster) {
  const RunSettings& run = checked.run;
  if (!run.training) return {};
  const int in_a_group = plan.frames_per_step / run.gradient_groups;
  const GroupRange groups = cluster ? groups_of(cluster->rank(), cluster->size(), run.gradient_groups)
                                    : GroupRange{0, run.gradient_groups};
  return {groups.first * in_a_group, groups.count() * in_a_group, groups};
}

}  // namespace

Section::Section(const Planned& planned, Shared& shared_) : Section(planned.checked, planned.plan, shared_) {
  for (const auto& [node, inner_plan] : planned.inner)
    inner[node].reset(new Section(*planned.checked.nodes[node].child, inner_plan, shared_));
}

Section::Section(const Checked& checked_, const Plan& plan_, Shared& shared_)
    : checked(checked_),
      plan(plan_),
      shared(shared_),
      frames_in_flight(on_the_way(checked_, plan_, shared_)),
      share(share_of(checked_, plan_, shared_.options.cluster)),
      step_memory(plan_.step_bytes),
      values(&shared_.live),
      directory(shared_.options.directory),
      steps_done(shared_.options.first_step),
      due(checked_, plan_),
      clock(checked_, plan_),
      info(*this) {
  if (plan.seed >= 0)
    *reinterpret_cast<float*>(step_memory.data() + plan.slots[plan.seed].offset) = seed_of(checked.run);
}

void Section::prepare(Preparation& preparation) {
  const std::int64_t frames = checked.run.training ? share.frames : checked.frames_of_images();
  const auto at_once = static_cast<int>(
      std::min<std::int64_t>({shared.lanes, frames_in_flight, std::max<std::int64_t>(frames, 1)}));
  preparation.ways = (shared.threads + at_once - 1) / at_once;
  for (const CheckedNode& node : checked.nodes)
    if (node.node) node.node->prepare(preparation);
  for (auto& [node, section] : inner) section->prepare(preparation);
}

void Section::start_averages() {
  averages.resize(checked.nodes.size());
  for (std::size_t n = 0; n < checked.nodes.size(); ++n) {
    const int keeper = checked.nodes[n].average;
    if (keeper < 0) continue;
    averages[n] =
        &dynamic_cast<WeightSource&>(*checked.nodes[static_cast<std::size_t>(keeper)].node).weights();
    if (shared.options.first_step > 0) continue;
    // Before its first update an average is a copy.
    std::copy(shared.live.values().begin(), shared.live.values().end(), averages[n]->values().begin());
    checked.weights->pack(*averages[n]);
  }
}

void Section::pack_average(int node) {
  const auto reads_it = [&](const CheckedNode& n) { return n.average == node; };
  if (std::any_of(checked.nodes.begin(), checked.nodes.end(), reads_it))
    dynamic_cast<WeightSource&>(*checked.nodes[static_cast<std::size_t>(node)].node).weights();
}

std::byte* Section::slot(int index, const Frame& frame) const {
  const Slot& s = plan.slots[index];
  switch (s.place) {
    case Place::lane:
      return frame.lane + s.offset;
    case Place::frame:
      return frame.memory.data() + s.offset;
    case Place::step:
      return step_memory.data() + s.offset;
  }
  return nullptr;
}

// The step that a pipeline inside belongs to is finished: a request to stop ends it.
bool Section::is_to_stop_at_once() const {
  // Where several processes train, those of the next steps have begun elsewhere: it is done to its end.
  return runs_inside() && !shared.options.cluster ? shared.stop.made() : shared.stop.made_at_once();
}

bool Section::skips(const Frame& frame) const {
  return frame.dropped.load(std::memory_order_relaxed) || is_to_stop_at_once() ||
         main_ticket(frame) >= shared.failure.ticket();
}

void Section::drop(Frame& frame, const std::string& reason) {
  frame.dropped = true;
  frame.dropped_because = reason;
  const std::lock_guard lock(shared.mutex);
  shared.dropped.push_back(fmt::format("image {}: {}", frame.position, reason));
}

bool Section::is_zero(int index, const Frame& frame) const {
  const std::byte* value = slot(index, frame);
  return plan.slots[index].spec.dtype == DType::i32 ? *reinterpret_cast<const std::int32_t*>(value) == 0
                                                    : *reinterpret_cast<const float*>(value) == 0;
}

// A pipeline inside another goes by the steps of the run around it.
void Section::step_applied(std::int64_t step) {
  if (runs_inside() || steps_done > step) return;
  steps_done = step + 1;
  due.forget_before(step - 1);  // save_now() asks again for the last
}

// The values of all frames of a step are here by now, those of other processes too.
void Section::retire_step() {
  double sum = 0;
  for (std::int64_t f = 0; f < exchange->frames(); ++f)
    sum += static_cast<double>(*exchange->value(f, plan.losses[0])) * exchange->images_of(f);
  retired.loss = sum / static_cast<double>(checked.run.batch_size);
  retired.images += checked.run.batch_size;
}

void Section::retire(const Frame& frame) {
  if (skips(frame)) return;
  if (exchange) return;  // retire_step()
  retired.images += frame.valid;
  if (checked.groups.empty()) return;
  if (frame.first_of_step) retired.loss_sum = 0;
  const float loss = *reinterpret_cast<const float*>(slot(plan.losses[0], frame));
  retired.loss_sum += static_cast<double>(loss) * frame.valid;
  if (frame.last_of_step) retired.loss = retired.loss_sum / static_cast<double>(checked.run.batch_size);
}

double Section::part_done() const {
  const std::int64_t all = checked.frames_of_images() * clock.visits_of_a_frame();
  const std::int64_t done = clock.visits() - visits_before;
  return all > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(all), 0.0, 1.0) : 0;
}

Progress Section::progress() const {
  const std::int64_t first = shared.options.first_step;
  Progress now{.steps = steps_done,
               .first_step = first,
               .all_steps = checked.run.steps,
               .images = retired.images + taken_up,
               .all_images = checked.run.training ? (checked.run.steps - first) * checked.run.batch_size
                                                  : checked.images.value_or(-1),
               .images_before = taken_up,
               .loss = retired.loss,
               .has_loss = !checked.groups.empty() && steps_done > first,
               .paused = pauses.seconds(),
               .pauses_to_come = pauses.seconds_to_come(checked, plan, steps_done)};
  if (const std::optional<int> task = pauses.now()) {
    const int node = plan.tasks[*task].visits[0].node;
    now.pause = checked.nodes[node].path;
    if (const auto section = inner.find(node); section != inner.end())
      now.pause_part = section->second->part_done();
  }
  return now;
}

std::string where_and_owner(const CheckedNode& node) {
  return fmt::format("{}: {}", to_string(node.where), owner_of(node.path, node.type->name));
}

}  // namespace dagfusion
