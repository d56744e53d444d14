// forward_timesteps: the times of a loop that destroys images, from clean to noisy.
//
//   n steps of T timesteps, i = 0 … n - 1: t = round(i * (T - 1) / (n - 1)), or the timesteps listed
//
// t, t_prev: [N], the same for all images; t_prev is the t of the iteration before, -1 = clean in the first.
#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

std::vector<int> times(Setup& setup) {
  const int timesteps = timesteps_of(setup);
  std::vector<int> list;
  if (setup.has("list")) {
    if (setup.has("steps"))
      setup.fail_at("steps", "'steps' and 'list' are both given; one of them says it all");
    for (const std::int64_t t : setup.parameters().integers("list")) {
      if (t >= timesteps)
        setup.fail_at("list", list.size(),
                      fmt::format("'list' holds {}, but the timesteps of section 'diffusion' end at {}", t,
                                  timesteps - 1));
      if (!list.empty() && t <= list.back())
        setup.fail_at(
            "list", list.size(),
            fmt::format("'list' holds {} after {}; noise is only added, so it must rise", t, list.back()));
      list.push_back(static_cast<int>(t));
    }
    if (list.empty()) setup.fail_at("list", "'list' is empty; [0, 500] takes two steps");
    return list;
  }
  const std::int64_t steps = setup.has("steps") ? setup.integer("steps") : timesteps;
  if (steps > timesteps)
    setup.fail_at("steps", fmt::format("'steps' is {}, more than the {} timesteps of section 'diffusion'",
                                       steps, timesteps));
  list = linspace_timesteps(timesteps, static_cast<int>(steps));
  std::reverse(list.begin(), list.end());
  return list;
}

class ForwardTimesteps final : public TimestepList {
 public:
  explicit ForwardTimesteps(Setup& setup) : ForwardTimesteps(setup, as_times(times(setup))) {}

 private:
  ForwardTimesteps(Setup& setup, const std::vector<double>& times)
      : TimestepList(setup, times, cleaner_of_rising(times, -1), noisier_of_rising(times)) {}
};

}  // namespace

NodeType forward_timesteps() {
  return {.name = "forward_timesteps",
          .summary = "The times of a loop that destroys images, from clean to noisy.",
          .stands_for = {"sampling_times"},
          .example = "{type: forward_timesteps, steps: 20}",
          .outputs = TimestepList::ports(),
          .parameters = {{.name = "steps",
                          .doc = "iterations of the loop, evenly spaced; all timesteps when not given",
                          .minimum = 1},
                         {.name = "list",
                          .kind = Kind::integers,
                          .doc = "the timesteps themselves, rising",
                          .minimum = 0}},
          .counts_iterations = true,
          .create = make_node<ForwardTimesteps>};
}

}  // namespace dagfusion
