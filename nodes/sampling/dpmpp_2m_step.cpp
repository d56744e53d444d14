// dpmpp_2m_step: one step of DPM-Solver++ of second order, which looks back one step; with `eta` its SDE variant.
// Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", arXiv:2211.01095,
// algorithm 2.
//
// Formula and shapes: nodes/sampling/dpmpp_step.h. In a loop:
//   carry: {x: xT, x0: zeros}
//   prev:  {type: dpmpp_2m_step, in: {x: carry.x, prediction: out, x0_before: carry.x0, each: each}}
//   next:  {x: prev, x0: prev.x0}
#include "nodes/sampling/dpmpp_step.h"

namespace dagfusion {

NodeType dpmpp_2m_step() {
  return {
      .name = "dpmpp_2m_step",
      .summary =
          "One step of DPM-Solver++ of second order, which looks back one step; `eta` makes it an SDE.",
      .stands_for = {"multistep_sampler"},
      .paper = "Lu et al. 2022, arXiv:2211.01095, algorithm 2",
      .example = "{type: dpmpp_2m_step, in: {x: carry.x, prediction: out, x0_before: carry.x0, each: each}}",
      .inputs = DenoisingStep::inputs(History::inputs(false)),
      .outputs = DenoisingStep::outputs(),
      .parameters =
          DenoisingStep::parameters({{.name = "eta",
                                      .kind = Kind::real,
                                      .doc = "fresh noise: 0 = none (ODE), 1 = the SDE",
                                      .standard = 0.0,
                                      .minimum = 0,
                                      .maximum = 1},
                                     {.name = "solver",
                                      .kind = Kind::choice,
                                      .doc = "how the change of the clean image is taken into account",
                                      .standard = std::string("midpoint"),
                                      .choices = {"midpoint", "heun"}}}),
      .create = [](Setup& setup) { return std::make_unique<DpmppStep>(setup, 2); }};
}

}  // namespace dagfusion
