#include "tools/exchange/diffusers_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "nodes/diffusion/discrete_process.h"
#include "nodes/files/durable.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVersion = "0.27.2";  // of diffusers, whose keys these are
constexpr std::uint64_t kLargestConfig = 16 << 20;

// One JSON object, key by key: what nobody has asked for at the end is named.
class Config {
 public:
  explicit Config(const std::filesystem::path& path) : path_(path) {
    try {
      json_ = Json::parse(read_text(path, kLargestConfig));
    } catch (const Json::exception& error) {
      fail(fmt::format("is no JSON: {}", error.what()));
    }
    if (!json_.is_object()) fail("holds no map");
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw UserError({}, fmt::format("'{}' {}", path_.string(), message));
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    fail(fmt::format("has '{}': {}, {}", key, json_.at(key).dump(), what));
  }

  // The value of a key, or its default where the key is not there.
  template <class T>
  T value(const char* key, T standard) {
    asked_.insert(key);
    const auto found = json_.find(key);
    if (found == json_.end()) return standard;
    try {
      return found->get<T>();
    } catch (const Json::exception&) {
      refuse(key, fmt::format("which is not of the kind of {}", Json(standard).dump()));
    }
  }
  bool is_null(const char* key, bool standard) {  // `standard`: null is the default
    asked_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() ? standard : found->is_null();
  }
  // A key that must have one of these values, the first of which is the default.
  void require(const char* key, const std::vector<Json>& good, const std::string& what_is) {
    asked_.insert(key);
    const auto found = json_.find(key);
    if (found == json_.end() || std::find(good.begin(), good.end(), *found) != good.end()) return;
    refuse(key, what_is);
  }
  const Json& json() const { return json_; }
  void asked(const std::string& key) { asked_.insert(key); }

  // Keys that say nothing of what is computed.
  void leave_out(const std::vector<std::string>& keys, std::vector<std::string>& notes) {
    std::vector<std::string> there;
    for (const std::string& key : keys) {
      asked_.insert(key);
      if (json_.contains(key)) there.push_back(fmt::format("{}: {}", key, json_.at(key).dump()));
    }
    if (!there.empty())
      notes.push_back(fmt::format("{}: left out {}", path_.filename().string(), fmt::join(there, ", ")));
  }

  void refuse_others() const {
    std::vector<std::string> unknown;
    for (const auto& [key, value] : json_.items())
      if (!asked_.count(key) && !key.starts_with("_")) unknown.push_back("'" + key + "'");
    if (!unknown.empty()) fail(fmt::format("has keys that are not known here: {}", fmt::join(unknown, ", ")));
  }

 private:
  std::filesystem::path path_;
  Json json_;
  std::set<std::string> asked_;
};

std::string head_words(const Network& network) {
  std::vector<std::string> at;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (network.attention[static_cast<std::size_t>(i)] ||
        (i + 1 == network.levels() && network.middle_attention != "none"))
      at.push_back(std::to_string(network.channels_at(i)));
  return fmt::format("{}", fmt::join(at, ", "));
}

// Channels of a head, which diffusers has as one number for all widths; null: one head.
Json head_channels(const Network& network) {
  if (network.style.head_channels > 0) return network.style.head_channels;
  if (network.style.heads == 1) return nullptr;
  std::set<std::int64_t> depths;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (network.attention[static_cast<std::size_t>(i)])
      depths.insert(network.channels_at(i) / network.style.heads);
  if (network.middle_attention != "none")
    depths.insert(network.channels_at(network.levels() - 1) / network.style.heads);
  if (depths.size() > 1)
    throw UserError(
        {},
        fmt::format("section 'model': 'heads' is {} over {} channels; diffusers has one number of channels a "
                    "head for all of them",
                    network.style.heads, head_words(network)));
  return depths.empty() ? Json(nullptr) : Json(*depths.begin());
}

std::string block_type(bool attention, bool resample_by_block, const char* way) {
  if (attention) return fmt::format("Attn{}Block2D", way);
  if (resample_by_block) return fmt::format("Resnet{}sampleBlock2D", way);
  return fmt::format("{}Block2D", way);
}

Json size_of_samples(const Shape& input) {
  return input.at(1) == input.at(2) ? Json(input[1]) : Json({input[1], input[2]});
}

}  // namespace

std::string unet_config(const Network& network) {
  const UNetStyle& style = network.style;
  if (style.resample == "pool")
    throw UserError(
        {}, "section 'model': 'resample' is pool, which UNet2DModel cannot be; conv and block it can");
  const bool by_block = style.resample == "block";
  Json down = Json::array(), up = Json::array(), widths = Json::array();
  for (std::int64_t i = 0; i < network.levels(); ++i) {
    down.push_back(block_type(network.attention[static_cast<std::size_t>(i)], by_block, "Down"));
    up.push_back(
        block_type(network.attention[static_cast<std::size_t>(network.levels() - 1 - i)], by_block, "Up"));
    widths.push_back(network.channels_at(i));
  }
  if (network.channels_at(0) != network.channels)
    throw UserError(
        {},
        fmt::format("section 'model': 'multipliers' begins with {}; UNet2DModel's first level is as wide as "
                    "its first convolution, so 1 would do",
                    network.multipliers.front()));
  if (network.middle_attention == "plain" && !style.film)
    throw UserError(
        {}, "section 'model': 'middle_attention' is plain, which UNet2DModel can be with 'film' only");
  Json config;
  config["_class_name"] = "UNet2DModel";
  config["_diffusers_version"] = kVersion;
  config["act_fn"] = "silu";
  config["add_attention"] = network.middle_attention != "none";
  config["attention_head_dim"] = head_channels(network);
  config["attn_norm_num_groups"] =
      style.film && network.middle_attention == "normalised" ? Json(network.groups) : Json(nullptr);
  config["block_out_channels"] = widths;
  config["center_input_sample"] = false;
  config["class_embed_type"] = nullptr;
  config["down_block_types"] = down;
  config["downsample_padding"] = style.padding == "same" ? 1 : 0;
  config["downsample_type"] = by_block ? "resnet" : "conv";
  config["dropout"] = network.dropout;
  config["flip_sin_to_cos"] = style.time_order == "cos_sin";
  config["freq_shift"] = style.freq_shift;
  config["in_channels"] = network.input.at(0);
  config["layers_per_block"] = network.blocks;
  config["mid_block_scale_factor"] = 1;
  config["norm_eps"] = style.eps;
  config["norm_num_groups"] = network.groups;
  config["num_class_embeds"] =
      network.classes > 0 ? Json(network.classes + (network.null_class ? 1 : 0)) : Json(nullptr);
  config["num_train_timesteps"] = nullptr;
  config["out_channels"] = network.out_channels;
  config["resnet_time_scale_shift"] = style.film ? "scale_shift" : "default";
  config["sample_size"] = size_of_samples(network.input);
  config["time_embedding_type"] = "positional";
  config["up_block_types"] = up;
  config["upsample_type"] = by_block ? "resnet" : "conv";
  return config.dump(2) + "\n";
}

namespace {

struct BlockType {
  std::string name;
  bool attention;
  std::string resample;  // "type": as downsample_type or upsample_type says
};
const std::vector<BlockType>& block_types() {
  static const std::vector<BlockType> all = {{"DownBlock2D", false, "conv"},
                                             {"AttnDownBlock2D", true, "type"},
                                             {"ResnetDownsampleBlock2D", false, "block"},
                                             {"UpBlock2D", false, "conv"},
                                             {"AttnUpBlock2D", true, "type"},
                                             {"ResnetUpsampleBlock2D", false, "block"}};
  return all;
}

// Which levels have attention, and how all of them change sides ("" for a single level).
struct Levels {
  std::vector<bool> attention;
  std::set<std::string> resample;
};
Levels read_levels(Config& config, const char* key, const char* type_key, std::vector<std::string> standard,
                   bool up) {
  const auto names = config.value<std::vector<std::string>>(key, std::move(standard));
  const std::string by_type = config.value<std::string>(type_key, "conv");
  if (by_type != "conv" && by_type != "resnet") config.refuse(type_key, "but conv and resnet are known here");
  Levels levels;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& all = block_types();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const BlockType& t) { return t.name == names[i]; });
    if (found == all.end() || (found->name.find("Up") != std::string::npos) != up)
      config.fail(fmt::format("has the block type {}, which is not known here", names[i]));
    levels.attention.push_back(found->attention);
    if (i + 1 == names.size()) continue;  // the last one changes no sides
    const bool block = found->resample == "type" ? by_type == "resnet" : found->resample == "block";
    levels.resample.insert(block ? "block" : "conv");
  }
  return levels;
}

Shape read_size(Config& config, std::int64_t channels, std::int64_t size) {
  const bool unknown = config.is_null("sample_size", true);
  if (unknown && size == 0)
    config.fail("does not say how large images are ('sample_size'); say it with --size, such as --size 32");
  if (size > 0) return {channels, size, size};
  const Json& given = config.json().at("sample_size");
  if (given.is_number_integer()) return {channels, given.get<std::int64_t>(), given.get<std::int64_t>()};
  const auto both = config.value<std::vector<std::int64_t>>("sample_size", {});
  if (both.size() != 2) config.refuse("sample_size", "which is neither a side nor two");
  return {channels, both[0], both[1]};
}

void read_heads(Config& config, Network& network) {
  const bool one_head = config.is_null("attention_head_dim", false);
  network.style.head_channels = one_head ? 0 : config.value<std::int64_t>("attention_head_dim", 8);
  if (one_head) network.style.heads = 1;
  if (!one_head && network.style.head_channels < 1)
    config.refuse("attention_head_dim", "which is no number of channels");
}

void read_middle(Config& config, Network& network) {
  const bool as_the_others = config.is_null("attn_norm_num_groups", true);
  if (!as_the_others && config.value<std::int64_t>("attn_norm_num_groups", 0) != network.groups)
    config.refuse(
        "attn_norm_num_groups",
        fmt::format("but norm_num_groups is {}; one number for all norms is known here", network.groups));
  if (!config.value("add_attention", true))
    network.middle_attention = "none";
  else if (network.style.film && as_the_others)
    network.middle_attention = "plain";
}

void read_classes(Config& config, Network& network) {
  config.require("class_embed_type", {nullptr},
                 "but only embeddings of numbered classes (null) are known here");
  if (!config.is_null("num_class_embeds", true))
    network.classes = config.value<std::int64_t>("num_class_embeds", 0);
  network.null_class = false;
}

void read_widths(Config& config, Network& network) {
  const auto widths = config.value<std::vector<std::int64_t>>("block_out_channels", {224, 448, 672, 896});
  if (widths.empty() || widths[0] < 1) config.refuse("block_out_channels", "which are no widths");
  network.channels = widths[0];
  for (const std::int64_t width : widths) {
    if (width % widths[0] != 0)
      config.refuse("block_out_channels",
                    fmt::format("but here the widths are multiples of the first one, {}", widths[0]));
    network.multipliers.push_back(width / widths[0]);
  }
  if (network.multipliers.size() != network.attention.size())
    config.refuse("block_out_channels",
                  fmt::format("but there are {} block types", network.attention.size()));
}

}  // namespace

Network read_unet_config(const std::filesystem::path& path, std::int64_t size,
                         std::vector<std::string>& notes) {
  Config config(path);
  if (const auto named = config.json().find("_class_name");
      named != config.json().end() && *named != "UNet2DModel")
    config.refuse("_class_name", "but UNet2DModel is what is read");
  Network network;
  network.style = style_of("diffusers");
  network.input = read_size(config, config.value<std::int64_t>("in_channels", 3), size);
  network.out_channels = config.value<std::int64_t>("out_channels", 3);
  network.blocks = config.value<std::int64_t>("layers_per_block", 2);
  network.groups = config.value<std::int64_t>("norm_num_groups", 32);
  network.dropout = config.value("dropout", 0.0);
  network.style.eps = config.value("norm_eps", 1e-5);
  network.style.freq_shift = config.value<std::int64_t>("freq_shift", 0);
  network.style.time_order = config.value("flip_sin_to_cos", true) ? "cos_sin" : "sin_cos";
  const auto padding = config.value<std::int64_t>("downsample_padding", 1);
  if (padding != 0 && padding != 1) config.refuse("downsample_padding", "but 0 and 1 are known here");
  network.style.padding = padding == 1 ? "same" : "end";

  const Levels down =
      read_levels(config, "down_block_types", "downsample_type",
                  {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"}, false);
  const Levels up = read_levels(config, "up_block_types", "upsample_type",
                                {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"}, true);
  network.attention = down.attention;
  if (!std::equal(down.attention.begin(), down.attention.end(), up.attention.rbegin(), up.attention.rend()))
    config.fail("has attention at other levels on the way up than on the way down, which is not known here");
  std::set<std::string> resample = down.resample;
  resample.insert(up.resample.begin(), up.resample.end());
  if (resample.size() > 1)
    config.fail(
        "changes sides by convolutions in some levels and by blocks in others, which is not known here");
  if (!resample.empty()) network.style.resample = *resample.begin();

  const std::string scale_shift = config.value<std::string>("resnet_time_scale_shift", "default");
  if (scale_shift != "default" && scale_shift != "scale_shift")
    config.refuse("resnet_time_scale_shift", "but default and scale_shift are known here");
  network.style.film = scale_shift == "scale_shift";
  read_widths(config, network);
  read_heads(config, network);
  read_middle(config, network);
  read_classes(config, network);
  config.require("center_input_sample", {false}, "but images that go in as they are (false) are known here");
  config.require("time_embedding_type", {"positional"}, "but positional is known here");
  config.require("time_embedding_dim", {nullptr, 4 * network.channels},
                 "but four times the first width is known here");
  config.require("mid_block_type", {"UNetMidBlock2D"}, "but UNetMidBlock2D is known here");
  config.require("mid_block_scale_factor", {1, 1.0}, "but 1 is known here");
  config.require("act_fn", {"silu", "swish"}, "but silu is known here");
  config.asked("num_train_timesteps");  // of a learned time embedding alone
  config.leave_out({"decay", "inv_gamma", "power", "min_decay", "optimization_step", "update_after_step",
                    "use_ema_warmup"},
                   notes);  // of the average in whose directory it lies
  config.refuse_others();
  return network;
}

namespace {

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
  config["_diffusers_version"] = kVersion;
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
  config["_diffusers_version"] = kVersion;
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

namespace {

std::string schedule_of_ours(Config& config) {
  static const std::map<std::string, std::string> known = {{"linear", "linear"},
                                                           {"scaled_linear", "scaled_linear"},
                                                           {"squaredcos_cap_v2", "cosine"},
                                                           {"sigmoid", "sigmoid_geodiff"}};
  const auto given = config.value<std::string>("beta_schedule", "linear");
  const auto found = known.find(given);
  if (found == known.end())
    config.refuse("beta_schedule", "but linear, scaled_linear, squaredcos_cap_v2 and sigmoid are known here");
  return found->second;
}

std::string prediction_of_ours(Config& config) {
  static const std::map<std::string, std::string> known = {
      {"epsilon", "epsilon"}, {"sample", "sample"}, {"v_prediction", "v"}};
  const auto given = config.value<std::string>("prediction_type", "epsilon");
  const auto found = known.find(given);
  if (found == known.end())
    config.refuse("prediction_type", "but epsilon, sample and v_prediction are known here");
  return found->second;
}

std::string read_flow(Config& config, std::vector<std::string>& notes) {
  const auto timesteps = config.value<std::int64_t>("num_train_timesteps", 1000);
  std::vector<std::string> others;
  for (const auto& [key, value] : config.json().items())
    if (key != "num_train_timesteps" && !key.starts_with("_")) others.push_back(key);
  config.leave_out(others, notes);
  return fmt::format("{{process: flow, prediction: velocity, time_scale: {}}}", timesteps);
}

}  // namespace

std::string read_scheduler_config(const std::filesystem::path& path, std::vector<std::string>& notes) {
  Config config(path);
  const auto named = config.json().find("_class_name");
  if (named != config.json().end() && *named == "FlowMatchEulerDiscreteScheduler")
    return read_flow(config, notes);
  std::vector<std::string> keys;
  if (!config.is_null("trained_betas", true)) {
    config.asked("beta_schedule");
    keys.push_back(fmt::format("betas: [{:.17g}]",
                               fmt::join(config.value<std::vector<double>>("trained_betas", {}), ", ")));
    keys.push_back(fmt::format("timesteps: {}", config.json().at("trained_betas").size()));
    for (const char* key : {"num_train_timesteps", "beta_start", "beta_end"}) config.asked(key);
  } else {
    keys.push_back("schedule: " + schedule_of_ours(config));
    keys.push_back(fmt::format("timesteps: {}", config.value<std::int64_t>("num_train_timesteps", 1000)));
    keys.push_back(fmt::format("beta_start: {}", config.value("beta_start", 1e-4)));
    keys.push_back(fmt::format("beta_end: {}", config.value("beta_end", 0.02)));
  }
  keys.push_back("prediction: " + prediction_of_ours(config));
  if (config.value("rescale_betas_zero_snr", false)) keys.push_back("zero_terminal_snr: true");
  const auto variance = config.value<std::string>("variance_type", "fixed_small");
  if (variance.starts_with("learned")) keys.push_back("variance: " + variance);
  config.leave_out(
      {"clip_sample", "clip_sample_range", "thresholding", "dynamic_thresholding_ratio", "sample_max_value",
       "timestep_spacing", "steps_offset", "set_alpha_to_one", "skip_prk_steps", "solver_order",
       "algorithm_type", "solver_type", "lower_order_final", "interpolation_type", "use_karras_sigmas"},
      notes);  // a sampler's, which a pipeline chooses
  if (variance.starts_with("fixed_large"))
    notes.push_back(
        "variance_type is fixed_large: pipelines/sample_ddpm.yaml with "
        "nodes.denoise.loop.nodes.prev.variance=fixed_large");
  config.refuse_others();
  return fmt::format("{{{}}}", fmt::join(keys, ", "));
}

}  // namespace dagfusion
