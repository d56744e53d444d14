// UNet2DModel's config.json, as it is read.
#include <fmt/format.h>

#include <algorithm>

#include "tools/exchange/config_file.h"
#include "tools/exchange/diffusers_config.h"

namespace dagfusion {

namespace {

constexpr std::int64_t kMostChannels = 65536, kMostBlocks = 16, kMostLevels = 8;

struct BlockType {
  std::string name;
  bool attention;
  std::string resample;  // "type": as downsample_type or upsample_type says
};
const std::vector<BlockType>& block_types(bool up) {
  static const std::vector<BlockType> down_types = {{"DownBlock2D", false, "conv"},
                                                    {"AttnDownBlock2D", true, "type"},
                                                    {"ResnetDownsampleBlock2D", false, "block"}};
  static const std::vector<BlockType> up_types = {{"UpBlock2D", false, "conv"},
                                                  {"AttnUpBlock2D", true, "type"},
                                                  {"ResnetUpsampleBlock2D", false, "block"}};
  return up ? up_types : down_types;
}

const BlockType& block_type(const ConfigFile& config, const char* key, std::string name, bool up) {
  if (name.starts_with("UNetRes")) name = name.substr(std::string("UNetRes").size());  // before diffusers 0.3
  for (const BlockType& type : block_types(up))
    if (type.name == name) return type;
  config.fail(fmt::format("has the block type {} in '{}', which is not known here", name, key));
}

// Which levels have attention, and what changes their sides: in UNet2DModel's order.
struct Levels {
  std::vector<bool> attention;
  std::vector<std::string> resample;  // of each but the last
};
Levels read_levels(ConfigFile& config, bool up) {
  const char* key = up ? "up_block_types" : "down_block_types";
  const std::string plain = up ? "UpBlock2D" : "DownBlock2D", attends = "Attn" + plain;
  std::vector<std::string> standard(4, attends);
  (up ? standard.back() : standard.front()) = plain;
  const auto names = config.value<std::vector<std::string>>(key, standard);
  const char* type_key = up ? "upsample_type" : "downsample_type";
  const std::string by_type = config.is_null(type_key, true)
                                  ? "conv"
                                  : config.word(type_key, "conv", {{"conv", "conv"}, {"resnet", "block"}});
  Levels levels;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const BlockType& type = block_type(config, key, names[i], up);
    levels.attention.push_back(type.attention);
    if (i + 1 < names.size()) levels.resample.push_back(type.resample == "type" ? by_type : type.resample);
  }
  return levels;
}

void read_all_levels(ConfigFile& config, Network& network) {
  Levels down = read_levels(config, false), up = read_levels(config, true);
  if (down.attention.size() != up.attention.size())
    config.refuse("up_block_types",
                  fmt::format("but there are {} types of blocks on the way down", down.attention.size()));
  if (down.attention.empty() || down.attention.size() > static_cast<std::size_t>(kMostLevels))
    config.refuse("down_block_types", fmt::format("but 1 to {} levels are known here", kMostLevels));
  std::reverse(up.attention.begin(), up.attention.end());
  std::reverse(up.resample.begin(), up.resample.end());
  network.attention = down.attention;
  if (up.attention != down.attention) network.attention_up = up.attention;
  if (down.resample.empty()) return;
  network.style.resample = down.resample.front();
  const auto all_the_same = [&](const std::vector<std::string>& words) {
    return std::all_of(words.begin(), words.end(),
                       [&](const auto& w) { return w == network.style.resample; });
  };
  if (!all_the_same(down.resample)) network.resample_down = down.resample;
  if (!all_the_same(up.resample)) network.resample_up = up.resample;
}

Shape read_size(ConfigFile& config, std::int64_t channels, std::int64_t size) {
  const bool unknown = config.is_null("sample_size", true);
  if (unknown && size == 0)
    config.fail("does not say how large images are ('sample_size'); say it with --size, such as --size 32");
  if (size > 0) return {channels, size, size};
  const auto& given = config.json().at("sample_size");
  if (given.is_number_integer()) return {channels, given.get<std::int64_t>(), given.get<std::int64_t>()};
  const auto both = config.value<std::vector<std::int64_t>>("sample_size", {});
  if (both.size() != 2) config.refuse("sample_size", "which is neither a side nor two");
  return {channels, both[0], both[1]};
}

void read_widths(ConfigFile& config, Network& network) {
  network.widths = config.value<std::vector<std::int64_t>>("block_out_channels", {224, 448, 672, 896});
  if (network.widths.empty() || std::any_of(network.widths.begin(), network.widths.end(),
                                            [](std::int64_t w) { return w < 1 || w > kMostChannels; }))
    config.refuse("block_out_channels", fmt::format("but 1 to {} channels are known here", kMostChannels));
  network.channels = network.widths.front();
  if (network.widths.size() != network.attention.size())
    config.refuse("block_out_channels",
                  fmt::format("but there are {} block types", network.attention.size()));
}

void read_time(ConfigFile& config, Network& network) {
  network.style.freq_shift = config.number("freq_shift", 0, 0, 1);
  network.style.time_order = config.value("flip_sin_to_cos", true) ? "cos_sin" : "sin_cos";
  config.require("time_embedding_type", {"positional"}, "but positional is known here");
  if (!config.is_null("time_embedding_dim", true))
    network.time_channels = config.number("time_embedding_dim", 0, 0, kMostChannels);
  if (network.time_channels == 4 * network.channels) network.time_channels = 0;
  if (network.channels % 2 != 0)
    config.refuse("block_out_channels",
                  "but a first width with two halves, for sines and cosines, is known here");
  config.asked("num_train_timesteps");  // of a learned time embedding alone
}

void read_heads(ConfigFile& config, Network& network) {
  const bool one_head = config.is_null("attention_head_dim", false);
  network.style.head_channels = one_head ? 0 : config.number("attention_head_dim", 8, 1, kMostChannels);
  if (one_head) {
    network.style.heads = 1;
    return;
  }
  for (std::int64_t i = 0; i < network.levels(); ++i) {
    const bool in_middle = i + 1 == network.levels() && network.middle && network.middle_attention != "none";
    if ((in_middle || network.attends(i) || network.attends_up(i)) &&
        network.channels_at(i) % network.style.head_channels != 0)
      config.refuse(
          "attention_head_dim",
          fmt::format("which does not divide the {} channels of level {}; heads that do are known here",
                      network.channels_at(i), i));
  }
}

void read_middle(ConfigFile& config, Network& network) {
  config.require("mid_block_type", {"UNetMidBlock2D", nullptr}, "but UNetMidBlock2D and null are known here");
  network.middle = !config.is_null("mid_block_type", false);
  const bool groups_as_elsewhere = config.is_null("attn_norm_num_groups", true);
  const std::int64_t groups =
      groups_as_elsewhere ? network.groups : config.number("attn_norm_num_groups", 32, 1, kMostChannels);
  const double factor = config.value("mid_block_scale_factor", 1.0);
  const bool attends = config.value("add_attention", true);
  if (!(factor >= 1e-3) || factor > 1e6)
    config.refuse("mid_block_scale_factor", "but 0.001 to 1000000 are known here");
  if (!network.middle) return;
  if (factor != 1) network.middle_scale = 1 / factor;
  if (!attends)
    network.middle_attention = "none";
  else if (network.style.film && groups_as_elsewhere)
    network.middle_attention = "plain";
  if (attends && groups != network.groups) network.middle_groups = groups;
}

void read_classes(ConfigFile& config, Network& network) {
  network.null_class = false;
  const std::int64_t numbered =
      config.is_null("num_class_embeds", true) ? 0 : config.value<std::int64_t>("num_class_embeds", 0);
  network.classes = numbered;
  if (config.is_null("class_embed_type", true)) return;
  const std::string type =
      config.word("class_embed_type", "", {{"timestep", "of_sines"}, {"identity", "as_they_are"}});
  if (type == "of_sines") {
    network.label_vectors = Network::LabelVectors::of_sines;
    return;
  }
  network.label_vectors = Network::LabelVectors::as_they_are;
  network.classes = 0;
  network.augment = network.time_width();
  network.style.augment_at = "end";
}

}  // namespace

Network read_unet_config(const std::filesystem::path& path, std::int64_t size,
                         std::vector<std::string>& notes) {
  ConfigFile config(path);
  config.require("_class_name", {"UNet2DModel"}, "but UNet2DModel is what is read");
  Network network;
  network.style = style_of("diffusers");
  network.input = read_size(config, config.number("in_channels", 3, 1, kMostChannels), size);
  network.out_channels = config.number("out_channels", 3, 1, kMostChannels);
  network.blocks = config.number("layers_per_block", 2, 1, kMostBlocks);
  network.groups = config.number("norm_num_groups", 32, 1, kMostChannels);
  network.dropout = config.value("dropout", 0.0);
  network.style.eps = config.value("norm_eps", 1e-5);
  network.style.padding = config.number("downsample_padding", 1, 0, 1) == 1 ? "same" : "end";
  network.style.film =
      config.word("resnet_time_scale_shift", "default", {{"default", ""}, {"scale_shift", "film"}}) == "film";
  network.activation = config.word(
      "act_fn", "silu",
      {{"silu", "silu"}, {"swish", "silu"}, {"gelu", "gelu"}, {"mish", "mish"}, {"relu", "relu"}});
  network.centre_input = config.value("center_input_sample", false);
  read_all_levels(config, network);
  read_widths(config, network);
  read_time(config, network);
  read_middle(config, network);
  read_heads(config, network);
  read_classes(config, network);
  config.leave_out({"decay", "inv_gamma", "power", "min_decay", "optimization_step", "update_after_step",
                    "use_ema_warmup"},
                   notes);  // of the average in whose directory it lies
  config.refuse_others();
  return network;
}

}  // namespace dagfusion
