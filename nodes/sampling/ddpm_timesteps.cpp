// ddpm_timesteps: the times of a sampling loop that walks the whole chain back, or a part of it.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, algorithm 2.
// steps, sections: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models",
// arXiv:2102.09672, section 4.
//
//   t = T - 1, …, 0, or `steps` of them at even distances that include both ends
//   sections: T cut into equal sections, from clean to noisy, and so many steps in each
//
// t, t_prev: [N], the same for all images; t_prev is the t of the next iteration, the clean image's in the last.
#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

std::vector<int> times(Setup& setup) {
  const int timesteps = timesteps_of(setup);
  if (setup.has("steps") && setup.has("sections"))
    setup.fail_at("sections", "'sections' and 'steps' are both given; 'steps' is for a single section");
  std::vector<std::int64_t> sections = {timesteps};
  if (setup.has("steps")) sections = {setup.integer("steps")};
  if (setup.has("sections")) sections = setup.parameters().integers("sections");
  const std::string name = setup.has("sections") ? "sections" : "steps";
  const std::int64_t smallest =
      timesteps / static_cast<std::int64_t>(std::max<std::size_t>(sections.size(), 1));
  if (sections.empty()) setup.fail_at(name, "'sections' is empty; [50] takes 50 steps");
  for (std::size_t i = 0; i < sections.size(); ++i)
    if (sections[i] > smallest)
      setup.fail_at(name, i,
                    fmt::format("'{}' asks for {} steps, more than the {} timesteps of {}", name, sections[i],
                                smallest, name == "steps" ? "section 'diffusion'" : "a section"));
  return respaced_timesteps(timesteps, sections);
}

class DdpmTimesteps final : public TimestepList {
 public:
  explicit DdpmTimesteps(Setup& setup) : TimestepList(setup, as_times(times(setup))) {}
};

}  // namespace

NodeType ddpm_timesteps() {
  return {.name = "ddpm_timesteps",
          .summary = "The times of a sampling loop that walks the whole chain back, or a part of it.",
          .stands_for = {"sampling_times"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, algorithm 2",
          .example = "{type: ddpm_timesteps, steps: 250}",
          .outputs = TimestepList::ports(),
          .parameters = {{.name = "steps",
                          .doc = "iterations of the loop; all timesteps when not given",
                          .minimum = 1},
                         {.name = "sections",
                          .kind = Kind::integers,
                          .doc = "steps in each of so many equal sections, from clean to noisy",
                          .minimum = 1}},
          .counts_iterations = true,
          .create = make_node<DdpmTimesteps>};
}

}  // namespace dagfusion
