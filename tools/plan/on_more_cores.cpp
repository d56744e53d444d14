#include "tools/plan/on_more_cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/plan/planned_memory.h"
#include "tools/plan/benched_times.h"
#include "tools/show/words.h"

namespace dagfusion {

OnMoreCores::OnMoreCores(const Planned& planned, const std::string& times, const std::vector<int>& cores)
    : checked_(planned.checked),
      plan_(planned.plan),
      seconds_(BenchedTimes(times, checked_).seconds(checked_, plan_)) {
  for (const int n : cores) all_.push_back(expected(n));
}

OnMoreCores::Expected OnMoreCores::expected(int cores) const {
  const int lanes = std::min(lanes_of(checked_.run, cores), plan_.frames_per_step);
  const Replay replay = replayed(cores, lanes, checked_.run.gradient_groups);
  return {.cores = cores, .lanes = lanes, .replay = replay, .bound = bound(replay, cores, lanes)};
}

Replay OnMoreCores::replayed(int cores, int lanes, int groups) const {
  return replay(plan_, seconds_, {cores, lanes, frames_in_flight_of(checked_.run, lanes), groups});
}

std::string OnMoreCores::bound(const Replay& r, int cores, int lanes) const {
  constexpr double kFull = 0.97, kWorthIt = 1.03;
  if (r.efficiency(cores) > kFull) return "the work itself";
  int best = checked_.run.gradient_groups;
  double least = r.step_seconds;
  for (int groups = 2 * best; plan_.frames_per_step % groups == 0; groups *= 2)
    if (const double other = replayed(cores, lanes, groups).step_seconds; other * kWorthIt < least) {
      least = other;
      best = groups;
    }
  if (best != checked_.run.gradient_groups)
    return fmt::format("gradients that are added frame by frame: run.gradient_groups={} makes it {:.0f}%",
                       best, 100 * r.work_seconds / (least * cores));
  return fmt::format("{} in {} of {:.1f} ms, then {:.1f} ms once per step",
                     counted(plan_.frames_per_step, "frame"),
                     counted((plan_.frames_per_step + lanes - 1) / lanes, "wave"), 1e3 * r.frame_seconds,
                     1e3 * r.steps_seconds);
}

double OnMoreCores::images_per_second(const Replay& r) const {
  return static_cast<double>(checked_.run.batch_size) / r.step_seconds;
}

void OnMoreCores::say() const {
  fmt::print("\n{:>5}  {:>5}  {:>10}  {:>9}  {:>8}  {:>10}  {}\n", "cores", "lanes", "a step, ms", "images/s",
             "speed-up", "efficiency", "what bounds it");
  for (const Expected& e : all_)
    fmt::print("{:>5}  {:>5}  {:>10.1f}  {:>9.1f}  {:>8.1f}  {:>9.0f}%  {}\n", e.cores, e.lanes,
               1e3 * e.replay.step_seconds, images_per_second(e.replay),
               e.replay.work_seconds / e.replay.step_seconds, 100 * e.replay.efficiency(e.cores), e.bound);
}

nlohmann::ordered_json OnMoreCores::json() const {
  auto rows = nlohmann::ordered_json::array();
  for (const Expected& e : all_)
    rows.push_back({{"cores", e.cores},
                    {"lanes", e.lanes},
                    {"step_seconds", e.replay.step_seconds},
                    {"images_per_second", images_per_second(e.replay)},
                    {"speed_up", e.replay.work_seconds / e.replay.step_seconds},
                    {"efficiency", e.replay.efficiency(e.cores)},
                    {"bound", e.bound}});
  return rows;
}

}  // namespace dagfusion
