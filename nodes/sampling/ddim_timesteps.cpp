// ddim_timesteps: the times of a sampling loop that takes few, evenly spaced steps, from noisy to clean.
// leading: Song et al. 2021, "Denoising Diffusion Implicit Models", arXiv:2010.02502, appendix D.2.
// trailing: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
// arXiv:2305.08891, table 2.
//
//   n steps of T timesteps, i = n - 1 … 0:
//   leading   t = i * floor(T / n)
//   linspace  t = round(i * (T - 1) / (n - 1))
//   trailing  t = round((i + 1) * T / n) - 1
//
// t, t_prev: [N], the same for all images; t_prev is the t of the next iteration, the clean image's in the last.
#include "graph/types/catalog.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

std::vector<double> times(Setup& setup) {
  timesteps_of(setup);  // a process that has none is refused
  return spread_times(setup, {.spacing = setup.text("spacing")});
}

class DdimTimesteps final : public TimestepList {
 public:
  explicit DdimTimesteps(Setup& setup) : TimestepList(setup, times(setup)) {}
};

}  // namespace

NodeType ddim_timesteps() {
  return {
      .name = "ddim_timesteps",
      .summary = "The times of a sampling loop that takes few, evenly spaced steps.",
      .stands_for = {"sampling_times"},
      .paper =
          "Song et al. 2021, arXiv:2010.02502, appendix D.2; Lin et al. 2023, arXiv:2305.08891 (trailing)",
      .example = "{type: ddim_timesteps, steps: 50}",
      .outputs = TimestepList::ports(),
      .parameters =
          {{.name = "steps", .doc = "iterations of the loop", .standard = std::int64_t{50}, .minimum = 1},
           {.name = "spacing",
            .kind = Kind::choice,
            .doc = "leading ends at 0, trailing starts at T - 1, linspace does both",
            .standard = std::string("leading"),
            .choices = {"leading", "linspace", "trailing"}}},
      .counts_iterations = true,
      .create = make_node<DdimTimesteps>};
}

}  // namespace dagfusion
