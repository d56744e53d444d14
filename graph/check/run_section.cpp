// The section `run`: how much is trained or sent through, and in which pieces.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/check/checking.h"
#include "graph/cluster/groups.h"
#include "graph/document/number.h"

namespace dagfusion {

namespace {

// A whole number or "auto" (-1).
int number_or_auto(const Parameters& run, const std::string& name, int largest) {
  const std::string& text = run.text(name);
  if (text == "auto") return -1;
  const bool digits =
      !text.empty() && text.size() < 8 && text.find_first_not_of("0123456789") == std::string::npos;
  const int value = digits ? std::stoi(text) : 0;
  if (value < 1 || value > largest)
    run.fail(name, fmt::format("'{}' is {}; it must be auto or a number from 1 to {}", name, text, largest));
  return value;
}

// 0 for auto.
std::uint64_t bytes_or_auto(const Parameters& run, const std::string& name) {
  const std::string& text = run.text(name);
  if (text == "auto") return 0;
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string number = text.substr(0, end);
  const std::size_t begin = end == std::string::npos ? end : text.find_first_not_of(' ', end);
  const std::string unit = begin == std::string::npos ? "" : text.substr(begin);
  double value = 0;
  for (const auto& [known, bytes] : {std::pair{"MiB", 0x1p20}, {"GiB", 0x1p30}, {"MB", 1e6}, {"GB", 1e9}})
    if (unit == known && is_real(number) && parse(number, value) && value * bytes >= 1e6 &&
        value * bytes < 0x1p53)
      return static_cast<std::uint64_t>(value * bytes);
  run.fail(name,
           fmt::format("'{}' is '{}'; it must be auto or a size of 1 MB at least, like 800 MiB or 1.5 GiB",
                       name, text));
  return 0;
}

std::int64_t largest_divisor(std::int64_t of, std::int64_t at_most) {
  std::int64_t divisor = std::min(of, at_most);
  while (of % divisor != 0) --divisor;
  return divisor;
}

bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

// The largest power of two that divides `frames`.
std::int64_t most_groups(std::int64_t frames) { return frames & -frames; }

// How the gradients of a step are added up: in parts that processes can share.
void read_gradient_groups(const Parameters& run, RunSettings& settings) {
  const std::int64_t frames = settings.batch_size / settings.micro_batch;
  const auto refuse = [&](const std::string& why) { run.fail("gradient_groups", why); };
  const std::string of_frames = fmt::format("the {} frames of a step (batch_size {}, micro_batch {})", frames,
                                            settings.batch_size, settings.micro_batch);
  const int asked = number_or_auto(run, "gradient_groups", 1 << 20);
  settings.gradient_groups = asked > 0 ? asked : fitting_groups(settings.ranks, frames);
  if (settings.gradient_groups == 0)
    refuse(fmt::format(
        "{} cannot be cut into parts for {} processes, a power of two of them; {} is the most that "
        "divides the frames",
        of_frames, settings.ranks, most_groups(frames)));
  if (!is_power_of_two(settings.gradient_groups) || frames % settings.gradient_groups != 0)
    refuse(fmt::format("'gradient_groups' is {}; it must be a power of two that divides {}, {} at most",
                       settings.gradient_groups, of_frames, most_groups(frames)));
  if (settings.gradient_groups < settings.ranks)
    refuse(
        fmt::format("'gradient_groups' is {}, and the run has {} processes: each takes at least one of them",
                    settings.gradient_groups, settings.ranks));
}

// What training needs to know. `where`: of the section.
void read_training(Checking& checking, const Parameters& run, const Position& where) {
  std::vector<std::string> missing;
  for (const char* needed : {"steps", "batch_size"})
    if (!run.has(needed)) missing.push_back(fmt::format("'{}'", needed));
  if (!missing.empty())
    checking.fault(where,
                   fmt::format("section 'run' lacks {}, which training needs, like run: {{steps: 1000, "
                               "batch_size: 64}}",
                               fmt::join(missing, " and ")));
  if (run.has("images"))
    run.fail("images", "'images' is for pipelines that train nothing; training counts 'steps'");
  if (!missing.empty()) return;
  RunSettings& settings = checking.checked.run;
  settings.steps = run.integer("steps");
  settings.batch_size = run.integer("batch_size");
  if (settings.batch_size % settings.micro_batch != 0)
    run.fail("micro_batch",
             fmt::format("'micro_batch' is {}, which does not divide the batch_size {}; {} would do",
                         settings.micro_batch, settings.batch_size,
                         largest_divisor(settings.batch_size, settings.micro_batch)));
  read_gradient_groups(run, settings);
}

void refuse_training_keys(const Parameters& run) {
  std::vector<const char*> given = {"steps", "batch_size"};
  if (run.text("gradient_groups") != "auto") given.push_back("gradient_groups");
  for (const char* unused : given)
    if (run.has(unused))
      run.fail(unused,
               fmt::format("'{}' is for training, but no node of this file minimizes anything", unused));
}

}  // namespace

void Checking::read_run() {
  const Tree* tree = file.find("run");
  const Tree none;
  const std::size_t before = faults.size();
  const Parameters run = Parameters::read(tree ? *tree : none, run_parameters(), {}, "section 'run'", faults);
  if (faults.size() != before) return;
  RunSettings& settings = checked.run;
  settings.seed = static_cast<std::uint64_t>(run.integer("seed"));
  settings.output = run.text("output");
  settings.recompute = run.text("recompute") == "true";
  settings.winograd = run.flag("winograd");
  const bool half = run.text("precision") == "bfloat16";
  if (half && !options.bfloat16)
    run.fail("precision",
             "'precision' is bfloat16, which this build cannot compute on this core; float32 runs anywhere");
  settings.activation = half ? DType::bf16 : DType::f32;
  if (run.has("images")) checked.images = run.integer("images");
  checked.memory = bytes_or_auto(run, "memory");
  settings.lanes = number_or_auto(run, "lanes", 1024);
  settings.threads = number_or_auto(run, "threads", 1024);
  settings.frames_in_flight = number_or_auto(run, "frames_in_flight", 4096);
  settings.micro_batch = number_or_auto(run, "micro_batch", 4096);
  if (settings.micro_batch < 0) settings.micro_batch = options.auto_micro_batch;
  settings.ranks = options.ranks;
  if (settings.training) return read_training(*this, run, tree ? tree->where : file.where);
  refuse_training_keys(run);
  settings.batch_size = settings.micro_batch;
}

}  // namespace dagfusion
