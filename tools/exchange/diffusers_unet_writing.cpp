// UNet2DModel's config.json, as it is written.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "graph/document/fault.h"
#include "tools/exchange/diffusers_config.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

bool attends_in_middle(const Network& network) {
  return network.middle && network.middle_attention != "none";
}

std::string head_words(const Network& network) {
  std::vector<std::string> at;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (network.attends(i) || network.attends_up(i) ||
        (i + 1 == network.levels() && attends_in_middle(network)))
      at.push_back(std::to_string(network.channels_at(i)));
  return fmt::format("{}", fmt::join(at, ", "));
}

// Channels of a head, which diffusers has as one number for all widths; null: one head.
Json head_channels(const Network& network) {
  if (network.style.head_channels > 0) return network.style.head_channels;
  if (network.style.heads == 1) return nullptr;
  std::set<std::int64_t> depths;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (network.attends(i) || network.attends_up(i))
      depths.insert(network.channels_at(i) / network.style.heads);
  if (attends_in_middle(network))
    depths.insert(network.channels_at(network.levels() - 1) / network.style.heads);
  if (depths.size() > 1)
    throw UserError(
        {},
        fmt::format("section 'model': 'heads' is {} over {} channels; diffusers has one number of channels a "
                    "head for all of them",
                    network.style.heads, head_words(network)));
  return depths.empty() ? Json(nullptr) : Json(*depths.begin());
}

// Of blocks with attention, where UNet2DModel has one word for all of them: what changes their sides.
std::string resampling_with_attention(const Network& network, bool up) {
  std::set<std::string> words;
  for (std::int64_t i = 0; i + 1 < network.levels(); ++i)
    if (up ? network.attends_up(i + 1) : network.attends(i))
      words.insert(up ? network.up_by(i) : network.down_by(i));
  if (words.size() > 1)
    throw UserError({}, fmt::format("section 'model': '{0}' is {1} at levels with attention; UNet2DModel has "
                                    "one word for all of them",
                                    up ? "resample_up" : "resample_down", fmt::join(words, " and ")));
  if (!words.empty()) return *words.begin();
  return network.style.resample;
}

void refuse_pooling(const Network& network) {
  for (std::int64_t i = 0; i + 1 < network.levels(); ++i)
    if (network.down_by(i) == "pool" || network.up_by(i) == "pool")
      throw UserError(
          {}, "section 'model': 'resample' is pool, which UNet2DModel cannot be; conv and block it can");
}

std::string block_type(bool attention, bool resample_by_block, const char* way) {
  if (attention) return fmt::format("Attn{}Block2D", way);
  if (resample_by_block) return fmt::format("Resnet{}sampleBlock2D", way);
  return fmt::format("{}Block2D", way);
}

Json size_of_samples(const Shape& input) {
  return input.at(1) == input.at(2) ? Json(input[1]) : Json({input[1], input[2]});
}

// The types of the blocks of each level, in UNet2DModel's order.
Json block_types(const Network& network, bool up) {
  Json types = Json::array();
  for (std::int64_t n = 0; n < network.levels(); ++n) {
    const std::int64_t i = up ? network.levels() - 1 - n : n;
    const bool last = up ? i == 0 : i + 1 == network.levels();  // changes no sides
    const std::string& how = last ? network.style.resample : up ? network.up_by(i - 1) : network.down_by(i);
    types.push_back(
        block_type(up ? network.attends_up(i) : network.attends(i), how == "block", up ? "Up" : "Down"));
  }
  return types;
}

Json middle_groups(const Network& network) {
  if (network.middle_groups) return *network.middle_groups;
  const bool needed = network.style.film && network.middle_attention == "normalised";
  return needed ? Json(network.groups) : Json(nullptr);
}

void refuse_what_unet2d_cannot_be(const Network& network) {
  refuse_pooling(network);
  if (network.channels_at(0) != network.channels)
    throw UserError(
        {},
        fmt::format("section 'model': 'multipliers' begins with {}; UNet2DModel's first level is as wide as "
                    "its first convolution, so 1 would do",
                    network.channels_at(0) / network.channels));
  if (network.middle_attention == "plain" && !network.style.film)
    throw UserError(
        {}, "section 'model': 'middle_attention' is plain, which UNet2DModel can be with 'film' only");
}

}  // namespace

std::string unet_config(const Network& network) {
  refuse_what_unet2d_cannot_be(network);
  const UNetStyle& style = network.style;
  const auto resnet = [&](bool up) {
    return resampling_with_attention(network, up) == "block" ? "resnet" : "conv";
  };
  Json config;
  config["_class_name"] = "UNet2DModel";
  config["_diffusers_version"] = kDiffusersVersion;
  config["act_fn"] = network.activation;
  config["add_attention"] = network.middle_attention != "none";
  config["attention_head_dim"] = head_channels(network);
  config["attn_norm_num_groups"] = middle_groups(network);
  config["block_out_channels"] = network.widths;
  config["center_input_sample"] = network.centre_input;
  config["class_embed_type"] = nullptr;
  config["down_block_types"] = block_types(network, false);
  config["downsample_padding"] = style.padding == "same" ? 1 : 0;
  config["downsample_type"] = resnet(false);
  config["dropout"] = network.dropout;
  config["flip_sin_to_cos"] = style.time_order == "cos_sin";
  config["freq_shift"] = style.freq_shift;
  config["in_channels"] = network.input.at(0);
  config["layers_per_block"] = network.blocks;
  config["mid_block_scale_factor"] = network.middle_scale ? Json(1 / *network.middle_scale) : Json(1);
  if (!network.middle) config["mid_block_type"] = nullptr;
  config["norm_eps"] = style.eps;
  config["norm_num_groups"] = network.groups;
  config["num_class_embeds"] =
      network.classes > 0 ? Json(network.classes + (network.null_class ? 1 : 0)) : Json(nullptr);
  config["num_train_timesteps"] = nullptr;
  config["out_channels"] = network.out_channels;
  config["resnet_time_scale_shift"] = style.film ? "scale_shift" : "default";
  config["sample_size"] = size_of_samples(network.input);
  if (network.time_channels > 0) config["time_embedding_dim"] = network.time_channels;
  config["time_embedding_type"] = "positional";
  config["up_block_types"] = block_types(network, true);
  config["upsample_type"] = resnet(true);
  return config.dump(2) + "\n";
}

}  // namespace dagfusion
