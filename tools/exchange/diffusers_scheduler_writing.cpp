// scheduler_config.json of diffusers, as it is written.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "nodes/diffusion/discrete_process.h"
#include "tools/exchange/diffusers_config.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

// What diffusers calls a schedule of ours; "" where it has none, so that betas are written one by one.
std::string schedule_of_diffusers(const std::string& ours) {
  if (ours == "linear" || ours == "scaled_linear") return ours;
  return ours == "cosine" ? "squaredcos_cap_v2" : "";
}

std::string prediction_of_diffusers(const PredictionKind& prediction) {
  switch (prediction.what) {
    case Prediction::epsilon:
      return "epsilon";
    case Prediction::sample:
      return "sample";
    case Prediction::v:
      return "v_prediction";
    default:
      throw UserError(
          {}, fmt::format(
                  "section 'diffusion': 'prediction' is {}, which DDPMScheduler has no word for; epsilon, "
                  "sample and v it has",
                  prediction_names()[static_cast<std::size_t>(prediction.what)]));
  }
}

Json flow_scheduler(const NoiseProcess& process, const Parameters& section) {
  if (process.prediction().what != Prediction::velocity)
    throw UserError(
        {}, fmt::format("section 'diffusion': 'prediction' is {} with 'process' flow; diffusers has velocity",
                        section.text("prediction")));
  const double scale = section.real("time_scale");
  if (scale != static_cast<double>(std::llround(scale)))
    throw UserError(
        {}, fmt::format("section 'diffusion': 'time_scale' is {}; diffusers has whole numbers", scale));
  Json config;
  config["_class_name"] = "FlowMatchEulerDiscreteScheduler";
  config["_diffusers_version"] = kDiffusersVersion;
  config["num_train_timesteps"] = std::llround(scale);
  config["shift"] = 1.0;
  return config;
}

}  // namespace

std::string scheduler_config(const NoiseProcess& process, const Parameters& section) {
  if (process.name() == "flow") return flow_scheduler(process, section).dump(2) + "\n";
  const auto* discrete = dynamic_cast<const DiscreteProcess*>(&process);
  if (!discrete)
    throw UserError(
        {},
        fmt::format("section 'diffusion': 'process' is {}, which DDPMScheduler has no word for; discrete and "
                    "flow can be exported",
                    process.name()));
  const std::string schedule = section.has("betas") ? "" : schedule_of_diffusers(section.text("schedule"));
  const bool no_signal = section.flag("zero_terminal_snr");
  Json betas = nullptr;
  if (schedule.empty())
    for (int t = 0; t < discrete->timesteps(); ++t) betas.push_back(discrete->beta(t));
  const std::string variance = section.text("variance");
  Json config;
  config["_class_name"] = "DDPMScheduler";
  config["_diffusers_version"] = kDiffusersVersion;
  config["beta_end"] = section.real("beta_end");
  config["beta_schedule"] = schedule.empty() ? "linear" : schedule;
  config["beta_start"] = section.real("beta_start");
  config["clip_sample"] = true;
  config["clip_sample_range"] = 1.0;
  config["dynamic_thresholding_ratio"] = 0.995;
  config["num_train_timesteps"] = discrete->timesteps();
  config["prediction_type"] = prediction_of_diffusers(process.prediction());
  config["rescale_betas_zero_snr"] =
      no_signal && !schedule.empty();  // betas that are written have it already
  config["sample_max_value"] = 1.0;
  config["steps_offset"] = 0;
  config["thresholding"] = false;
  config["timestep_spacing"] = no_signal ? "trailing" : "leading";
  config["trained_betas"] = betas;
  config["variance_type"] = variance == "fixed" ? "fixed_small" : variance;
  return config.dump(2) + "\n";
}

}  // namespace dagfusion
