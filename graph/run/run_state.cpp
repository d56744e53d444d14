#include "graph/run/run_state.h"

#include <nlohmann/json.hpp>

namespace dagfusion {

namespace {

constexpr int kVersion = 1;

}  // namespace

std::string to_json(const RunState& state) {
  nlohmann::ordered_json json;
  json["version"] = kVersion;
  json["step"] = state.step;
  json["seed"] = state.seed;
  json["batch_size"] = state.batch_size;
  json["micro_batch"] = state.micro_batch;
  if (state.gradient_groups > 1) json["gradient_groups"] = state.gradient_groups;
  json["precision"] = state.precision;
  json["instruction_set"] = state.instruction_set;
  if (!state.plugins.empty()) json["plugins"] = state.plugins;
  json["model_input"] = state.model_input;
  if (!state.classes.empty()) json["classes"] = state.classes;
  if (!state.imported.empty()) json["imported"] = state.imported;
  if (state.data.starts_with('{'))
    json["data"] = nlohmann::ordered_json::parse(state.data);
  else if (!state.data.empty())
    json["data"] = state.data;
  return json.dump(2) + "\n";
}

RunState read_run_state(const std::string& text) {
  const auto json = nlohmann::ordered_json::parse(text);
  RunState state;
  state.step = json.at("step").get<std::int64_t>();
  state.seed = json.value("seed", state.seed);
  state.batch_size = json.value("batch_size", state.batch_size);
  state.micro_batch = json.value("micro_batch", state.micro_batch);
  state.gradient_groups = json.value("gradient_groups", state.gradient_groups);
  state.precision = json.value("precision", state.precision);
  state.instruction_set = json.value("instruction_set", state.instruction_set);
  state.plugins = json.value("plugins", state.plugins);
  state.model_input = json.value("model_input", state.model_input);
  state.classes = json.value("classes", state.classes);
  state.imported = json.value("imported", state.imported);
  if (json.contains("data"))
    state.data = json["data"].is_string() ? json["data"].get<std::string>() : json["data"].dump();
  return state;
}

}  // namespace dagfusion
