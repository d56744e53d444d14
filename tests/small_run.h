// Whole runs, small enough for tests: a U-Net of 3000 weights on drawn digits, started inside this process.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "graph/run.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_files.h"
#include "tests/step_bench.h"

namespace dagfusion::tests {

inline constexpr const char* kDigits = "{type: drawn_digits, size: 16}";

// `every` is the checkpoint's; 8 frames a step.
inline std::string small_training(std::int64_t steps, std::int64_t every = 1000,
                                  const std::string& images = kDigits, int micro_batch = 3,
                                  int batch_size = 24) {
  return "run: {seed: 3, steps: " + std::to_string(steps) + ", batch_size: " + std::to_string(batch_size) +
         ", micro_batch: " + std::to_string(micro_batch) + R"(}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, dropout: 0.1}
nodes:
  images: )" +
         images + R"(
  x0: {type: to_signed, in: images}
  t: {type: uniform_timesteps, in: x0}
  noise: {type: gaussian_noise, in: x0}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out: {type: model, in: {x: xt, t: t}}
  target: {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss: {type: mse_loss, in: {prediction: out, target: target}}
  adam: {type: adam, minimize: loss, learning_rate: 2.0e-3, warmup_steps: 5, clip_norm: 1.0}
  ema: {type: weight_average, after: adam, decay: 0.9}
  log: {type: metrics_log, in: {loss: loss, grad_norm: adam.grad_norm}}
  save: {type: checkpoint, every: )" +
         std::to_string(every) + "}\n";
}

inline std::string in_bfloat16(const std::string& yaml) {
  return "run: {precision: bfloat16, " + yaml.substr(6);
}

// What may change nothing but the speed.
struct Way {
  int threads = 2, lanes = 2, frames_in_flight = 4;
};

// Runs the pipeline in `directory`, from the newest checkpoint there if `resume`; stops once `stop_after`
// steps are done.
inline Report run_in(const std::filesystem::path& directory, const std::string& yaml, const Way& way = {},
                     bool resume = false, std::int64_t stop_after = -1) {
  Checked checked = check(parse_document(yaml, "test.yaml"), catalog(),
                          {.channel_block = channel_block(), .bfloat16 = bfloat16_available()});
  checked.run.lanes = way.lanes;
  checked.run.frames_in_flight = way.frames_in_flight;
  Run* running = nullptr;
  RunOptions options{.threads = way.threads,
                     .on_thread_entry = on_thread_entry,
                     .directory = directory,
                     .resolved_yaml = yaml,
                     .instruction_set = instruction_set(),
                     .on_step = [&](std::int64_t step) {
                       if (step == stop_after) running->stop();
                     }};
  if (resume) {
    std::vector<std::string> passed_over;
    const CheckpointFacts facts = open_checkpoint(directory, passed_over);
    EXPECT_EQ(passed_over, std::vector<std::string>{});
    options.first_step = facts.step;
    options.restore = [facts](RunInfo& info) { restore(facts, info); };
  }
  Run run(std::move(checked), std::move(options));
  running = &run;
  return run.run();
}

// Every file below a directory, by name, as its bytes.
inline std::map<std::string, std::string> bytes_below(const std::filesystem::path& directory) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file())
      found[entry.path().lexically_relative(directory).string()] = file_text(entry.path());
  return found;
}

// Which files differ; empty = the same bytes.
inline std::string differing(const std::map<std::string, std::string>& a,
                             const std::map<std::string, std::string>& b) {
  std::string names;
  for (const auto& [name, bytes] : a)
    if (const auto other = b.find(name); other == b.end() || other->second != bytes) names += name + " ";
  for (const auto& [name, bytes] : b)
    if (!a.contains(name)) names += name + " ";
  return names;
}

inline std::string step_name(std::int64_t step) { return fmt::format("checkpoints/step-{:06}", step); }

// The log without the column of seconds, which no two runs share.
inline std::string log_without_seconds(const std::filesystem::path& directory) {
  std::istringstream lines(file_text(directory / "metrics.csv"));
  std::string line, text;
  while (std::getline(lines, line)) {
    const std::size_t second = line.find(',', line.find(',') + 1);
    text += line.substr(0, second) + line.substr(line.find(',', second + 1)) + "\n";
  }
  return text;
}

}  // namespace dagfusion::tests
