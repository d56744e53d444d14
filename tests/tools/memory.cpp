#include "tools/launch/memory.h"

#include <gtest/gtest.h>

#include "graph/plan/micro_batch.h"
#include "graph/plan/planned_memory.h"
#include "nodes/catalog.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// A lane of 16 MiB and some: the values of one convolution and their gradients.
Planned training(const std::string& run) {
  return check_and_plan(parse_document("run: {steps: 1, " + run + R"(}
diffusion: {timesteps: 10}
model: {type: unet, channels: 8, multipliers: [1], blocks: 1, attention_at: [], groups: 4}
nodes:
  images: {type: drawn_digits, size: 64}
  x0:     {type: to_signed, in: images}
  t:      {type: uniform_timesteps, in: x0}
  noise:  {type: gaussian_noise, in: x0}
  xt:     {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out:    {type: model, in: {x: xt, t: t}}
  loss:   {type: mse_loss, in: {prediction: out, target: noise}}
  adam:   {type: adam, minimize: loss}
)",
                                       "test.yaml"),
                        catalog(), {});
}

std::string refusal(const Planned& planned, std::uint64_t bytes) {
  return thrown([&] { require_memory(planned, 1, {bytes, "this machine has"}); });
}

TEST(PlannedMemory, GrowsByALaneAndAFrame) {
  const Planned planned = training("batch_size: 8, micro_batch: 4");
  EXPECT_EQ(planned_memory(planned, 3) - planned_memory(planned, 2),
            planned.plan.lane_bytes + planned.plan.frame_bytes);
  const std::uint64_t weights = planned.checked.weights->floats() * sizeof(float);
  EXPECT_GT(planned_memory(planned, 1), planned.plan.lane_bytes + 3 * weights);  // values, gradients, moments
}

TEST(RequireMemory, LetsWhatFitsBegin) {
  const Planned planned = training("batch_size: 8, micro_batch: 4, lanes: 2");
  EXPECT_EQ(refusal(planned, planned_memory(planned, 2)), "");
}

TEST(RequireMemory, NamesTheLanesThatFit) {
  const Planned planned = training("batch_size: 8, micro_batch: 4, lanes: 5");
  EXPECT_EQ(refusal(planned, planned_memory(planned, 2)),
            "the plan needs 97 MiB of memory, and this machine has 39 MiB; run.lanes=2 needs 39 MiB");
}

TEST(RequireMemory, NamesWhatElseCouldBeSmaller) {
  EXPECT_EQ(refusal(training("batch_size: 8, micro_batch: 4, lanes: 1"), kMiB),
            "the plan needs 20 MiB of memory, and this machine has 1 MiB; a run.micro_batch below 4, or a "
            "smaller model or "
            "smaller images would need less");
  EXPECT_EQ(refusal(training("batch_size: 8, micro_batch: 1, lanes: 1, frames_in_flight: 4"), kMiB),
            "the plan needs 5 MiB of memory, and this machine has 1 MiB; run.frames_in_flight below 4, or a "
            "smaller model "
            "or smaller images would need less");
  EXPECT_EQ(refusal(training("batch_size: 8, micro_batch: 1, lanes: 1"), kMiB),
            "the plan needs 5 MiB of memory, and this machine has 1 MiB; a smaller model or smaller images "
            "would need less");
}

}  // namespace
}  // namespace dagfusion::tests
