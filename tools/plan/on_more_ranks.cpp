#include "tools/plan/on_more_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/cluster/groups.h"
#include "graph/plan/planned_memory.h"
#include "graph/run/run.h"
#include "tools/plan/benched_times.h"
#include "tools/show/words.h"

namespace dagfusion {

std::vector<std::string> names_of_networks() {
  std::vector<std::string> names;
  for (const Ethernet& network : ethernets()) names.push_back(network.name);
  return names;
}

OnMoreRanks::OnMoreRanks(const Planned& planned, const Question& asked)
    : planned_(planned),
      checked_(planned.checked),
      plan_(planned.plan),
      asked_(asked),
      lanes_(lanes_of(checked_.run, threads_of(checked_.run, 0))),
      waves_(std::min(1.0, whole_waves(lanes_))) {
  if (!checked_.run.training) return;
  cost_ = exchange_cost(checked_.weights->floats(), checked_.run.gradient_groups, asked_.ranks);
  for (const Ethernet& network : ethernets())
    if (network.name == asked_.network) exchange_ = cost_->seconds(network);
  memory_ = memory_of_a_rank();
  states_ = state_memory(checked_);
  if (asked_.times.empty()) return;
  const BenchedTimes times(asked_.times, checked_);
  update_ = times.update_seconds(checked_, plan_);
  if (asked_.rate == 0) asked_.rate = times.images_per_second();
}

// It has the sums of fewer groups than a process alone, and room for the parts that others send.
std::uint64_t OnMoreRanks::memory_of_a_rank() const {
  const int groups = checked_.run.gradient_groups;
  int sums = 0;
  for (int r = 0; r < asked_.ranks; ++r)
    sums = std::max(sums, buffers_of(groups_of(r, asked_.ranks, groups)));
  const auto fewer = static_cast<std::uint64_t>(buffers_of({0, groups}) - sums);
  return planned_memory(planned_, lanes_) + cost_->room - fewer * checked_.weights->floats() * sizeof(float);
}

double OnMoreRanks::whole_waves(int lanes) const {
  int most = 0;
  for (int r = 0; r < asked_.ranks; ++r)
    most = std::max(most, groups_of(r, asked_.ranks, checked_.run.gradient_groups).count());
  const int frames = most * plan_.frames_per_step / checked_.run.gradient_groups;
  const int waves = (frames + lanes - 1) / lanes;
  return static_cast<double>(plan_.frames_per_step) / (static_cast<double>(asked_.ranks) * waves * lanes);
}

double OnMoreRanks::computing() const {
  const double alone = static_cast<double>(checked_.run.batch_size) / asked_.rate;
  return std::max(alone - update_, 0.0) / (asked_.ranks * waves_) + update_;
}

double OnMoreRanks::images_per_second() const {
  return static_cast<double>(checked_.run.batch_size) / (computing() + exchange_);
}

double OnMoreRanks::efficiency() const { return images_per_second() / (asked_.ranks * asked_.rate); }

void OnMoreRanks::say() const {
  const RunSettings& run = checked_.run;
  if (!cost_) {
    fmt::print("ranks      {:>10}  frame k is the work of rank k mod {}\n", asked_.ranks, asked_.ranks);
    return;
  }
  fmt::print("ranks      {:>10}  {} of gradients; a step is {}\n", asked_.ranks,
             counted(run.gradient_groups, "group"), counted(plan_.frames_per_step, "frame"));
  fmt::print("memory     {:>10}  of a rank; {} of it is what steps keep of the weights\n",
             bytes_in_words(static_cast<double>(memory_)), bytes_in_words(static_cast<double>(states_)));
  fmt::print("exchange   {:>10}  in {} that a rank sends each step\n",
             bytes_in_words(static_cast<double>(cost_->bytes)), counted(cost_->messages, "message"));
  fmt::print("on {:<7} {:>7.1f} ms  if nothing hides it\n", asked_.network, 1e3 * exchange_);
  if (update_ > 0) fmt::print("update     {:>7.1f} ms  of all weights, by every rank\n", 1e3 * update_);
  fmt::print("waves      {:>9.0f}%  of {} a rank are full\n", 100 * waves_, counted(lanes_, "lane"));
  if (asked_.rate > 0)
    fmt::print(
        "step       {:>8.2f} s   {:.2f} s of computing, so {:.1f} images/s: {:.0f}% of {} times one rank's\n",
        computing() + exchange_, computing(), images_per_second(), 100 * efficiency(), asked_.ranks);
}

nlohmann::ordered_json OnMoreRanks::json() const {
  nlohmann::ordered_json all = {{"ranks", asked_.ranks}};
  if (!cost_) return all;
  all["gradient_groups"] = checked_.run.gradient_groups;
  all["exchange"] = {{"bytes", cost_->bytes},
                     {"messages", cost_->messages},
                     {"network", asked_.network},
                     {"seconds", exchange_}};
  all["memory_bytes"] = memory_;
  all["state_bytes"] = states_;
  if (update_ > 0) all["update_seconds"] = update_;
  all["full_lanes"] = waves_;
  if (asked_.rate <= 0) return all;
  all["step_seconds"] = computing() + exchange_;
  all["images_per_second"] = images_per_second();
  all["efficiency"] = efficiency();
  return all;
}

}  // namespace dagfusion
