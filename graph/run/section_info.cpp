// What a section shows: to its nodes the run, to the program its progress.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "graph/run/section.h"

namespace dagfusion {

void Section::retired(const Frame& frame) {
  if (skips(frame)) return;
  images_done_ += frame.valid;
  if (checked_.groups.empty()) return;
  if (frame.first_of_step) loss_sum_ = 0;
  loss_sum_ +=
      static_cast<double>(*reinterpret_cast<const float*>(slot(plan_.losses[0], frame))) * frame.valid;
  if (frame.last_of_step) loss_ = loss_sum_ / static_cast<double>(checked_.run.batch_size);
}

Progress Section::progress() const {
  return {.steps = steps_done_,
          .first_step = shared_.options.first_step,
          .all_steps = checked_.run.steps,
          .images = images_done_,
          .all_images = checked_.run.training
                            ? (checked_.run.steps - shared_.options.first_step) * checked_.run.batch_size
                            : checked_.images.value_or(-1),
          .loss = loss_,
          .has_loss = !checked_.groups.empty() && steps_done_ > shared_.options.first_step};
}

std::filesystem::path Section::resolve(const std::string& path) const {
  const std::filesystem::path given(path);
  return given.is_absolute() ? given : directory_ / given;
}

std::string Section::state_json() const {
  const RunSettings& run = checked_.run;
  nlohmann::ordered_json json;
  json["version"] = 1;
  json["step"] = steps_done();
  json["seed"] = run.seed;
  json["batch_size"] = run.batch_size;
  json["micro_batch"] = run.micro_batch;
  json["precision"] = run.activation == DType::bf16 ? "bfloat16" : "float32";
  json["instruction_set"] = shared_.options.instruction_set;
  if (!shared_.options.plugins.empty()) json["plugins"] = shared_.options.plugins;
  json["model_input"] = checked_.model_input;
  if (const auto fingerprints = checked_.fingerprints(); !fingerprints.empty()) json["data"] = fingerprints;
  return json.dump(2) + "\n";
}

std::vector<RunInfo::Stateful> Section::stateful() const {
  std::vector<Stateful> found;
  for (const CheckedNode& n : checked_.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(n.node.get()))
      if (!ordered->state().empty()) found.push_back({n.path, n.type->name, ordered});
  return found;
}

void Section::told(const std::string& line) {
  const std::lock_guard lock(shared_.mutex);
  told_.push_back(line);
}

}  // namespace dagfusion
