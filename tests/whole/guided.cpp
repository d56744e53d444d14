// guide is the same as two calls of the model and a node guidance, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// What a loop carries from step to step beside x.
struct Carried {
  std::string start, next;
};

const std::string kDdim = "        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}\n";

// Five images of three classes, drawn in four steps by a model as it starts; `nodes` give `out`.
std::string drawn_with(const std::string& nodes, const std::string& step = kDdim,
                       const Carried& carried = {}) {
  const ScratchFolder folder;
  const std::string yaml = R"(run: {seed: 3, micro_batch: 2}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, groups: 4, classes: 10,
        inside: {conv_out: {init_scale: 1.0}}}
nodes:
  digits: {type: drawn_digits, size: 16}
  number: {type: image_numbers, count: 5}
  label: {type: labels, in: number, list: [3, none, 7]}
  x0: {type: to_signed, in: digits}
  xT: {type: gaussian_noise, in: x0}
  denoise:
    loop:
      each: {type: sampling_timesteps, steps: 4}
      carry: {x: xT)" + carried.start +
                           R"(}
      nodes:
)" + nodes + step + "      next: {x: prev" +
                           carried.next +
                           R"(}
  file: {type: npy_writer, in: denoise.x, path: x.npy}
)";
  run_in(folder.path(), yaml);
  return file_text(folder.path() / "x.npy");
}

const std::string kConditional = "        with: {type: model, in: {x: carry.x, t: each.t, label: label}}\n";

std::string guide(const std::string& settings) {
  return "        out: {type: guide, in: {x: carry.x, each: each, label: label}, " + settings + "}\n";
}

TEST(Guided, IsTwoCallsOfTheModelAndGuidance) {
  for (const std::string settings :
       {"scale: 3", "scale: 3, rescale: 0.7, method: apg", "scale: 2, method: zero_star, zero_steps: 1"})
    EXPECT_EQ(drawn_with(guide(settings)),
              drawn_with(kConditional +
                         "        without: {type: model, in: {x: carry.x, t: each.t}}\n"
                         "        out: {type: guidance, in: {conditional: with, unconditional: without, "
                         "index: each.index}, " +
                         settings + "}\n"));
}

// As the paper has it: what the step's first noise level says holds for both calls.
TEST(Guided, FollowsTheStartOfAStepWithTwoCalls) {
  const auto heun = [](const std::string& again) {
    return drawn_with(guide("scale: 3, interval: [0.7, 4]"),
                      "        guess: {type: euler_step, in: {x: carry.x, prediction: out, each: each}}\n" +
                          again +
                          "        prev: {type: heun_step, in: {x: carry.x, prediction: out, guess: guess, "
                          "again: again, each: each}}\n");
  };
  const std::string followed = heun(
      "        again: {type: guide, in: {x: guess, t: each.t_prev, t_step: each.t, label: label}, scale: 3, "
      "interval: [0.7, 4]}\n");
  EXPECT_EQ(followed,
            heun("        on: {type: guidance_interval, in: each.t, interval: [0.7, 4]}\n"
                 "        c: {type: model, in: {x: guess, t: each.t_prev, label: label}}\n"
                 "        u: {type: model, in: {x: guess, t: each.t_prev}, when: on, otherwise: c}\n"
                 "        again: {type: guidance, in: {conditional: c, unconditional: u}, scale: 3}\n"));
  EXPECT_TRUE(followed !=
              heun("        again: {type: guide, in: {x: guess, t: each.t_prev, label: label}, scale: 3}\n"));
}

TEST(Guided, CarriesItsMomentum) {
  const std::string settings = ", scale: 3, method: apg, momentum: -0.5, max_norm: 20}\n",
                    node =
                        "        out: {type: guide, in: {x: carry.x, each: each, label: label, "
                        "difference_before: carry.difference}";
  const Carried carried{", difference: zeros", ", difference: out.difference"};
  const std::string with = drawn_with(node + settings, kDdim, carried);
  EXPECT_EQ(with, drawn_with(kConditional +
                                 "        without: {type: model, in: {x: carry.x, t: each.t}}\n"
                                 "        out: {type: guidance, in: {conditional: with, "
                                 "unconditional: without, difference_before: carry.difference}" +
                                 settings,
                             kDdim, carried));
  EXPECT_TRUE(with != drawn_with(guide("scale: 3, method: apg, max_norm: 20")));
  const std::string inside = ", interval: [0.3, 4]";
  EXPECT_TRUE(drawn_with(node + inside + settings, kDdim, carried) != with);
}

struct Sampler {
  std::string name, step;
  Carried carried;
};

class EverySampler : public testing::TestWithParam<Sampler> {};

// Whatever a sampler does with a prediction, it does with a guided one.
TEST_P(EverySampler, TakesGuidedPredictions) {
  const auto& [name, step, carried] = GetParam();
  const auto drawn = [&](const std::string& nodes) { return drawn_with(nodes, step, carried); };
  const std::string guided = drawn(guide("scale: 3, interval: [0.3, 4]"));
  EXPECT_EQ(
      guided,
      drawn(kConditional +
            "        on: {type: guidance_interval, in: each.t, interval: [0.3, 4]}\n"
            "        without: {type: model, in: {x: carry.x, t: each.t}, when: on, otherwise: with}\n"
            "        out: {type: guidance, in: {conditional: with, unconditional: without}, scale: 3}\n"));
  const std::string alone = drawn("        out: {type: model, in: {x: carry.x, t: each.t, label: label}}\n");
  EXPECT_EQ(drawn(guide("scale: 1")), alone);
  EXPECT_TRUE(guided != alone);
}

std::string step_of(const std::string& type, const std::string& more = "", const std::string& settings = "") {
  return "        prev: {type: " + type + ", in: {x: carry.x, prediction: out, each: each" + more + "}" +
         settings + "}\n";
}

const Sampler kSamplers[] = {
    {"ddpm", step_of("ddpm_step"), {}},
    {"ddim", step_of("ddim_step", "", ", eta: 0.5"), {}},
    {"euler", step_of("euler_step"), {}},
    {"euler_ancestral", step_of("euler_step", "", ", eta: 1"), {}},
    {"heun",
     "        guess: {type: euler_step, in: {x: carry.x, prediction: out, each: each}}\n"
     "        again: {type: guide, in: {x: guess, t: each.t_prev, label: label}, scale: 3}\n" +
         step_of("heun_step", ", guess: guess, again: again"),
     {}},
    {"dpmpp_2m",
     step_of("dpmpp_2m_step", ", x0_before: carry.x0", ", eta: 1"),
     {", x0: zeros", ", x0: prev.x0"}},
    {"dpmpp_3m_sde",
     step_of("dpmpp_3m_sde_step", ", x0_before: carry.x0, x0_before2: carry.x0_2"),
     {", x0: zeros, x0_2: zeros", ", x0: prev.x0, x0_2: carry.x0"}},
    {"unipc",
     step_of("unipc_step", ", start: carry.start, x0_before: carry.x0, x0_before2: carry.x0_2"),
     {", start: zeros, x0: zeros, x0_2: zeros", ", start: prev.corrected, x0: prev.x0, x0_2: carry.x0"}},
    {"lms",
     step_of("lms_step", ", slope_before: carry.slope, slope_before2: carry.slope2"),
     {", slope: zeros, slope2: zeros", ", slope: prev.slope, slope2: carry.slope"}}};

INSTANTIATE_TEST_SUITE_P(Guided, EverySampler, testing::ValuesIn(kSamplers),
                         [](const auto& of) { return of.param.name; });

TEST(Guided, IsTheConditionalCallAloneAtScaleOneAndOutsideTheInterval) {
  const std::string alone =
      drawn_with("        out: {type: model, in: {x: carry.x, t: each.t, label: label}}\n");
  EXPECT_EQ(drawn_with(guide("scale: 3, interval: [1.0e+6, 2.0e+6]")), alone);
  EXPECT_EQ(drawn_with(guide("scale: 1")), alone);
  EXPECT_TRUE(drawn_with(guide("scale: 3")) != alone);
}

TEST(Guided, ActsInsideTheIntervalOnly) {
  const std::string everywhere = drawn_with(guide("scale: 3, interval: [0, 1.0e+6]"));
  EXPECT_EQ(everywhere, drawn_with(guide("scale: 3")));
  EXPECT_TRUE(drawn_with(guide("scale: 3, interval: [0.5, 2]")) != everywhere);
}

}  // namespace
}  // namespace dagfusion::tests
