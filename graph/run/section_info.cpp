#include "graph/run/section_info.h"

#include <nlohmann/json.hpp>

#include "graph/run/run_state.h"
#include "graph/run/section.h"

namespace dagfusion {

std::filesystem::path SectionInfo::directory() const { return section_.directory; }
std::uint64_t SectionInfo::seed() const { return section_.checked.run.seed; }
std::int64_t SectionInfo::steps_done() const { return section_.steps_done; }
std::int64_t SectionInfo::first_step() const { return section_.shared.options.first_step; }
const WeightTable& SectionInfo::weights() const { return *section_.checked.weights; }
WeightValues& SectionInfo::values() { return *section_.values; }
std::span<float> SectionInfo::gradients() { return section_.shared.gradients.whole(); }
std::string SectionInfo::resolved_yaml() const { return section_.shared.options.resolved_yaml; }

std::filesystem::path SectionInfo::resolve(const std::string& path) const {
  const std::filesystem::path given(path);
  return given.is_absolute() ? given : section_.directory / given;
}

std::string SectionInfo::state_json() const {
  const Checked& checked = section_.checked;
  const RunSettings& run = checked.run;
  const RunOptions& options = section_.shared.options;
  const auto fingerprints = checked.fingerprints();
  return to_json({.step = steps_done(),
                  .seed = run.seed,
                  .batch_size = run.batch_size,
                  .micro_batch = run.micro_batch,
                  .gradient_groups = run.gradient_groups,
                  .precision = run.activation == DType::bf16 ? "bfloat16" : "float32",
                  .instruction_set = options.instruction_set,
                  .plugins = options.plugins,
                  .model_input = checked.model_input,
                  .classes = checked.classes,
                  .data = fingerprints.empty() ? "" : nlohmann::json(fingerprints).dump()});
}

std::vector<RunInfo::Stateful> SectionInfo::stateful() const {
  std::vector<Stateful> found;
  for (const CheckedNode& n : section_.checked.nodes)
    if (auto* ordered = dynamic_cast<Ordered*>(n.node.get()))
      if (!ordered->state().empty()) found.push_back({n.path, n.type->name, ordered});
  return found;
}

void SectionInfo::told(const std::string& line) {
  const std::lock_guard lock(section_.shared.mutex);
  section_.told.push_back(line);
}

}  // namespace dagfusion
