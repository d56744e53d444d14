// repaint_timesteps: the times of RePaint: down to the clean image, with jumps back up on the way.
// Lugmayr et al. 2022, "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", arXiv:2201.09865, appendix B.
//
//   levels n - 1 … 0 are `steps` evenly spaced times; at each `jump`-th level the way goes back up by `jump` levels,
//   `resample` - 1 times, before it goes on down
//
// t, t_prev: [N], the same for all images; t_prev is above t where `up` is 1, and below it where `down` is 1.
#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/sampling/timestep_list.h"

namespace dagfusion {
namespace {

// Levels in the order of the walk, from n - 1 to -1 (the clean image).
std::vector<int> walk(int n, int jump, int resample) {
  std::vector<int> jumps_left(n, 0);
  for (int level = 0; level < n - jump; level += jump) jumps_left[level] = resample - 1;
  std::vector<int> levels = {n - 1};
  while (levels.back() >= 0) {
    const int level = levels.back();
    if (jumps_left[level] > 0) {
      --jumps_left[level];
      for (int up = 1; up <= jump; ++up) levels.push_back(level + up);
    }
    levels.push_back(levels.back() - 1);
  }
  return levels;
}

class RepaintTimesteps final : public Times {
 public:
  explicit RepaintTimesteps(Setup& setup)
      : t_(setup.output("t")),
        t_prev_(setup.output("t_prev")),
        index_(setup.output("index")),
        down_(setup.output("down")),
        up_(setup.output("up")) {
    const auto& process = setup.resource<NoiseProcess>("diffusion");
    const auto steps = static_cast<int>(setup.integer("steps")),
               jump = static_cast<int>(setup.integer("jump"));
    const std::vector<double> times = spread_times(setup);
    for (const int level : walk(steps, jump, static_cast<int>(setup.integer("resample"))))
      times_.push_back(level < 0 ? process.clean()
                                 : times[times.size() - 1 - static_cast<std::size_t>(level)]);
  }

  int count() const override { return static_cast<int>(times_.size()) - 1; }

  void forward(Call& call) const override {
    const auto i = static_cast<std::size_t>(call.iteration());
    const double t = times_[i], next = times_[i + 1];
    std::fill_n(call.out<float>(t_), t_.spec.shape[0], static_cast<float>(t));
    std::fill_n(call.out<float>(t_prev_), t_prev_.spec.shape[0], static_cast<float>(next));
    *call.out<std::int32_t>(index_) = call.iteration();
    *call.out<std::int32_t>(down_) = next < t;
    *call.out<std::int32_t>(up_) = next > t;
  }

 private:
  std::vector<double> times_;  // of the walk, with the clean image's at its end
  Output t_, t_prev_, index_, down_, up_;
};

}  // namespace

NodeType repaint_timesteps() {
  return {.name = "repaint_timesteps",
          .summary = "The times of RePaint: down to the clean image, with jumps back up on the way.",
          .paper = "Lugmayr et al. 2022, arXiv:2201.09865, appendix B",
          .example = "{type: repaint_timesteps, steps: 50, jump: 10, resample: 5}",
          .outputs = {{"t", "[N] f32", "time of this iteration, the same for all images"},
                      {"t_prev", "[N] f32", "time of the next one, or the clean image's"},
                      {"index", "[] i32", "iteration, from 0"},
                      {"down", "[] i32", "1 where noise is taken away, else 0"},
                      {"up", "[] i32", "1 where noise is added, else 0"}},
          .parameters = {{.name = "steps",
                          .doc = "times between noise and image",
                          .standard = std::int64_t{50},
                          .minimum = 1,
                          .maximum = 100000},
                         {.name = "jump",
                          .doc = "by how many of them the way goes back up",
                          .standard = std::int64_t{10},
                          .minimum = 1},
                         {.name = "resample",
                          .doc = "how often each stretch is walked; 1 = straight down",
                          .standard = std::int64_t{5},
                          .minimum = 1,
                          .maximum = 1000}},
          .counts_iterations = true,
          .create = make_node<RepaintTimesteps>};
}

}  // namespace dagfusion
