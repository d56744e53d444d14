// scheduler_config.json of diffusers, as it is read: of each kind of scheduler what it says of the noise that a network
// was trained on. How to draw is the choice of a pipeline here; keys that say it are named.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/exchange/config_file.h"
#include "tools/exchange/diffusers_config.h"

namespace dagfusion {

namespace {

// What a scheduler takes where its file does not say.
struct Scheduler {
  std::string name;
  enum class Kind { discrete, flow, edm } kind = Kind::discrete;
  double beta_start = 1e-4, beta_end = 0.02;
  std::string schedule = "linear";
};

const std::vector<Scheduler>& schedulers() {
  constexpr auto kFlow = Scheduler::Kind::flow, kEdm = Scheduler::Kind::edm;
  constexpr auto kDiscrete = Scheduler::Kind::discrete;
  static const std::vector<Scheduler> all = {{"DDPMScheduler"},
                                             {"DDPMParallelScheduler"},
                                             {"DDIMScheduler"},
                                             {"DDIMParallelScheduler"},
                                             {"DDIMInverseScheduler"},
                                             {"RePaintScheduler"},
                                             {"PNDMScheduler"},
                                             {"DPMSolverMultistepScheduler"},
                                             {"DPMSolverMultistepInverseScheduler"},
                                             {"DPMSolverSinglestepScheduler"},
                                             {"DPMSolverSDEScheduler", kDiscrete, 0.00085, 0.012},
                                             {"DEISMultistepScheduler"},
                                             {"UniPCMultistepScheduler"},
                                             {"SASolverScheduler"},
                                             {"EulerDiscreteScheduler"},
                                             {"EulerAncestralDiscreteScheduler"},
                                             {"LMSDiscreteScheduler"},
                                             {"HeunDiscreteScheduler", kDiscrete, 0.00085, 0.012},
                                             {"KDPM2DiscreteScheduler", kDiscrete, 0.00085, 0.012},
                                             {"KDPM2AncestralDiscreteScheduler", kDiscrete, 0.00085, 0.012},
                                             {"LCMScheduler", kDiscrete, 0.00085, 0.012, "scaled_linear"},
                                             {"TCDScheduler", kDiscrete, 0.00085, 0.012, "scaled_linear"},
                                             {"FlowMatchEulerDiscreteScheduler", kFlow},
                                             {"FlowMatchHeunDiscreteScheduler", kFlow},
                                             {"FlowMatchLCMScheduler", kFlow},
                                             {"EDMEulerScheduler", kEdm},
                                             {"EDMDPMSolverMultistepScheduler", kEdm}};
  return all;
}

const Scheduler& scheduler_of(ConfigFile& config) {
  const auto name = config.value<std::string>("_class_name", "DDPMScheduler");
  for (const Scheduler& scheduler : schedulers())
    if (scheduler.name == name) return scheduler;
  std::vector<std::string> names;
  for (const Scheduler& scheduler : schedulers())
    names.push_back(scheduler.name.substr(0, scheduler.name.find("Scheduler")));
  config.refuse("_class_name", fmt::format("but the schedulers {} are known here", fmt::join(names, ", ")));
}

// Keys of samplers: where on the way they evaluate the network, and how they step from there.
std::vector<std::string> keys_of_samplers() {
  return {"clip_sample",
          "clip_sample_range",
          "thresholding",
          "dynamic_thresholding_ratio",
          "sample_max_value",
          "timestep_spacing",
          "steps_offset",
          "set_alpha_to_one",
          "set_alpha_to_zero",
          "skip_prk_steps",
          "eta",
          "solver_order",
          "solver_type",
          "solver_p",
          "algorithm_type",
          "lower_order_final",
          "euler_at_final",
          "final_sigmas_type",
          "lambda_min_clipped",
          "disable_corrector",
          "predict_x0",
          "predictor_order",
          "corrector_order",
          "tau_func",
          "interpolation_type",
          "use_karras_sigmas",
          "use_exponential_sigmas",
          "use_beta_sigmas",
          "use_lu_lambdas",
          "noise_sampler_seed",
          "original_inference_steps",
          "timestep_scaling"};
}

std::vector<std::string> keys_of_flow_samplers() {
  return {"shift",          "flow_shift",         "use_dynamic_shifting", "base_shift",
          "max_shift",      "base_image_seq_len", "max_image_seq_len",    "invert_sigmas",
          "shift_terminal", "time_shift_type",    "stochastic_sampling",  "scale_factors",
          "sigma_min",      "sigma_max",          "upscale_mode"};
}

std::string read_flow(ConfigFile& config, std::vector<std::string>& notes) {
  const std::int64_t timesteps = config.number("num_train_timesteps", 1000, 1, 1'000'000);
  std::vector<std::string> left = keys_of_flow_samplers();
  for (const std::string& key : keys_of_samplers()) left.push_back(key);
  for (const char* key : {"beta_start", "beta_end", "beta_schedule", "trained_betas",
                          "rescale_betas_zero_snr", "variance_type"})
    left.push_back(key);  // of a discrete process, which it is not
  config.leave_out(left, notes);
  config.refuse_others();
  return fmt::format("{{process: flow, prediction: velocity, time_scale: {}}}", timesteps);
}

std::string read_edm(ConfigFile& config, std::vector<std::string>& notes) {
  config.require("prediction_type", {"epsilon"},
                 "but epsilon, the F of EDM's preconditioning, is known here");
  const std::string text = fmt::format(
      "{{process: edm, prediction: edm, sigma_data: {}, sigma_min: {}, sigma_max: {}}}",
      config.value("sigma_data", 0.5), config.value("sigma_min", 0.002), config.value("sigma_max", 80.0));
  std::vector<std::string> left = keys_of_samplers();
  left.insert(left.end(), {"sigma_schedule", "rho", "num_train_timesteps"});
  config.leave_out(left, notes);
  config.refuse_others();
  return text;
}

void read_betas(ConfigFile& config, const Scheduler& scheduler, std::vector<std::string>& keys) {
  if (!config.is_null("trained_betas", true)) {
    const auto betas = config.value<std::vector<double>>("trained_betas", {});
    if (betas.size() < 2) config.refuse("trained_betas", "but two betas or more are known here");
    keys.push_back(fmt::format("betas: [{:.17g}]", fmt::join(betas, ", ")));
    for (const char* key : {"beta_schedule", "num_train_timesteps", "beta_start", "beta_end"})
      config.asked(key);
    return;
  }
  keys.push_back("schedule: " + config.word("beta_schedule", scheduler.schedule.c_str(),
                                            {{"linear", "linear"},
                                             {"scaled_linear", "scaled_linear"},
                                             {"squaredcos_cap_v2", "cosine"},
                                             {"sigmoid", "sigmoid_geodiff"},
                                             {"laplace", "laplace"}}));
  keys.push_back(fmt::format("timesteps: {}", config.number("num_train_timesteps", 1000, 2, 1'000'000)));
  keys.push_back(fmt::format("beta_start: {}", config.value("beta_start", scheduler.beta_start)));
  keys.push_back(fmt::format("beta_end: {}", config.value("beta_end", scheduler.beta_end)));
}

void read_variance(ConfigFile& config, std::vector<std::string>& keys, std::vector<std::string>& notes) {
  if (config.is_null("variance_type", true)) return;
  const std::string variance = config.word("variance_type", "fixed_small",
                                           {{"fixed_small", ""},
                                            {"fixed_small_log", ""},
                                            {"fixed_large", "large"},
                                            {"fixed_large_log", "large"},
                                            {"learned", "learned"},
                                            {"learned_range", "learned_range"}});
  if (variance.starts_with("learned")) keys.push_back("variance: " + variance);
  if (variance == "large")
    notes.push_back(
        "variance_type is fixed_large: pipelines/sample_ddpm.yaml with "
        "nodes.denoise.loop.nodes.prev.variance=fixed_large");
}

std::string read_discrete(ConfigFile& config, const Scheduler& scheduler, std::vector<std::string>& notes) {
  std::vector<std::string> keys, more;
  read_betas(config, scheduler, keys);
  keys.push_back("prediction: " +
                 config.word("prediction_type", "epsilon",
                             {{"epsilon", "epsilon"}, {"sample", "sample"}, {"v_prediction", "v"}}));
  if (config.value("rescale_betas_zero_snr", false)) {
    if (keys.back() == "prediction: epsilon")
      config.refuse(
          "rescale_betas_zero_snr",
          "but the last timestep then has no image in it, which prediction_type epsilon cannot bring "
          "back; v_prediction and sample can");
    keys.push_back("zero_terminal_snr: true");
  }
  read_variance(config, keys, more);
  config.require("timestep_type", {"discrete"},
                 "but networks that are told the timestep (discrete) are known here");
  std::vector<std::string> left = keys_of_samplers();
  for (const std::string& key : keys_of_flow_samplers())
    left.push_back(key);  // DPM-Solver has them, and does not look at them here
  config.leave_out(left, notes);
  notes.insert(notes.end(), more.begin(), more.end());
  config.refuse_others();
  return fmt::format("{{{}}}", fmt::join(keys, ", "));
}

}  // namespace

std::string read_scheduler_config(const std::filesystem::path& path, std::vector<std::string>& notes) {
  ConfigFile config(path);
  const Scheduler& scheduler = scheduler_of(config);
  if (scheduler.kind == Scheduler::Kind::flow) return read_flow(config, notes);
  const bool flow = config.has("prediction_type") && config.json().at("prediction_type") == "flow_prediction";
  if (config.value("use_flow_sigmas", false) != flow)
    config.refuse(flow ? "prediction_type" : "use_flow_sigmas",
                  "but flow_prediction is known with use_flow_sigmas only, and that with it");
  if (flow) {
    config.asked("prediction_type");
    return read_flow(config, notes);
  }
  if (scheduler.kind == Scheduler::Kind::edm) return read_edm(config, notes);
  return read_discrete(config, scheduler, notes);
}

}  // namespace dagfusion
