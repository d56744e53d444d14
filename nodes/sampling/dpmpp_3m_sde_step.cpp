// dpmpp_3m_sde_step: one step of DPM-Solver++ of third order with fresh noise, which looks back two steps.
// Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", arXiv:2211.01095;
// of third order as Crowson's k-diffusion has it.
//
// Formula and shapes: nodes/sampling/dpmpp_step.h. In a loop:
//   carry: {x: xT, x0: zeros, x0_2: zeros}
//   prev:  {type: dpmpp_3m_sde_step, in: {x: carry.x, prediction: out, x0_before: carry.x0, x0_before2: carry.x0_2, each: each}}
//   next:  {x: prev, x0: prev.x0, x0_2: carry.x0}
#include "nodes/sampling/dpmpp_step.h"

namespace dagfusion {

NodeType dpmpp_3m_sde_step() {
  return {.name = "dpmpp_3m_sde_step",
          .summary = "One step of DPM-Solver++ of third order with fresh noise, which looks back two steps.",
          .paper = "Lu et al. 2022, arXiv:2211.01095; k-diffusion",
          .example =
              "{type: dpmpp_3m_sde_step, in: {x: carry.x, prediction: out, x0_before: carry.x0, "
              "x0_before2: carry.x0_2, each: each}}",
          .inputs = DenoisingStep::inputs(History::inputs(true)),
          .outputs = DenoisingStep::outputs(),
          .parameters = DenoisingStep::parameters({{.name = "eta",
                                                    .kind = Kind::real,
                                                    .doc = "fresh noise: 0 = none (ODE), 1 = the SDE",
                                                    .standard = 1.0,
                                                    .minimum = 0,
                                                    .maximum = 1}}),
          .create = [](Setup& setup) { return std::make_unique<DpmppStep>(setup, 3); }};
}

}  // namespace dagfusion
