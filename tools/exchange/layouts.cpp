#include "tools/exchange/layouts.h"

#include <fmt/format.h>

#include <algorithm>

namespace dagfusion {

namespace {

using Below = TensorLayout::Below;

// {i}: level, {r}: level counted from the last one, {j}: number of the block, {J}: the same from 1.
// {n}, {k}: OpenAI counts blocks and halvings in one row, and layers within each of them.
// {s}, {half}, {twice}, {least}: EDM names levels by their height: that of this level, the next, the one before, the last.
std::vector<TensorLayout::Place> places_of_edm(const std::string& norm_out, const std::string& conv_out) {
  return {{"conv_in", "enc.{s}_conv"},
          {"time/linear1", "map_layer0"},
          {"time/linear2", "map_layer1"},
          {"class_embedding", "map_label"},
          {"augment_embedding", "map_augment"},
          {"down{i}/block{j}", "enc.{s}_block{j}", Below::block},
          {"down{i}/attention{j}", "enc.{s}_block{j}", Below::attention},
          {"down{i}/downsample", "enc.{half}_down", Below::down},
          {"mid/block{j}", "dec.{least}_in{j}", Below::block},
          {"mid/attention", "dec.{least}_in0", Below::attention},
          {"up{i}/block{j}", "dec.{s}_block{j}", Below::block},
          {"up{i}/attention{j}", "dec.{s}_block{j}", Below::attention},
          {"up{i}/upsample", "dec.{twice}_up", Below::up},
          {"norm_out", norm_out},
          {"conv_out", conv_out}};
}

const std::vector<TensorLayout>& layouts() {
  static const std::vector<TensorLayout::Leaf> attention_of_diffusers = {
      {"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj", "to_out.0"}};
  static const std::vector<TensorLayout::Place> places_of_diffusers = {
      {"conv_in", "conv_in"},
      {"time/linear1", "time_embedding.linear_1"},
      {"time/linear2", "time_embedding.linear_2"},
      {"class_embedding", "class_embedding"},
      {"down{i}/block{j}", "down_blocks.{i}.resnets.{j}", Below::block},
      {"down{i}/attention{j}", "down_blocks.{i}.attentions.{j}", Below::attention},
      {"down{i}/downsample", "down_blocks.{i}.downsamplers.0", Below::down},
      {"mid/block{j}", "mid_block.resnets.{j}", Below::block},
      {"mid/attention", "mid_block.attentions.0", Below::attention},
      {"up{i}/block{j}", "up_blocks.{r}.resnets.{j}", Below::block},
      {"up{i}/attention{j}", "up_blocks.{r}.attentions.{j}", Below::attention},
      {"up{i}/upsample", "up_blocks.{r}.upsamplers.0", Below::up},
      {"norm_out", "conv_norm_out"},
      {"conv_out", "conv_out"}};
  static const std::vector<TensorLayout::Leaf> block_of_diffusers = {
      {"norm1", "norm1"}, {"conv1", "conv1"}, {"time", "time_emb_proj"},
      {"norm2", "norm2"}, {"conv2", "conv2"}, {"shortcut", "conv_shortcut"}};
  static const std::vector<TensorLayout::Leaf> block_of_edm = {{"norm1", "norm0"}, {"conv1", "conv0"},
                                                               {"time", "affine"}, {"norm2", "norm1"},
                                                               {"conv2", "conv1"}, {"shortcut", "skip"}};
  static const std::vector<TensorLayout::Leaf> attention_of_edm = {
      {"norm", "norm2"}, {"q", "qkv", 0}, {"k", "qkv", 1}, {"v", "qkv", 2}, {"proj", "proj"}};
  static const std::vector<TensorLayout> all = {
      {.name = "diffusers",
       .words = "diffusers' UNet2DModel",
       .sign = "down_blocks.0.resnets.0.conv1.weight",
       .unless = "mid_block.attentions.0.query.weight",
       .places = places_of_diffusers,
       .block = block_of_diffusers,
       .attention = attention_of_diffusers,
       .down_conv = "conv",
       .up_conv = "conv"},
      {.name = "diffusers_old",
       .words = "diffusers' UNet2DModel with its names of attention before 0.15",
       .sign = "mid_block.attentions.0.query.weight",
       .places = places_of_diffusers,
       .block = block_of_diffusers,
       .attention =
           {{"norm", "group_norm"}, {"q", "query"}, {"k", "key"}, {"v", "value"}, {"proj", "proj_attn"}},
       .down_conv = "conv",
       .up_conv = "conv"},
      {.name = "ddpm",
       .words = "the original DDPM's, as pesser and ermongroup ported it to PyTorch",
       .sign = "temb.dense.0.weight",
       .places = {{"conv_in", "conv_in"},
                  {"time/linear1", "temb.dense.0"},
                  {"time/linear2", "temb.dense.1"},
                  {"down{i}/block{j}", "down.{i}.block.{j}", Below::block},
                  {"down{i}/attention{j}", "down.{i}.attn.{j}", Below::attention},
                  {"down{i}/downsample", "down.{i}.downsample", Below::down},
                  {"mid/block{j}", "mid.block_{J}", Below::block},
                  {"mid/attention", "mid.attn_1", Below::attention},
                  {"up{i}/block{j}", "up.{i}.block.{j}", Below::block},
                  {"up{i}/attention{j}", "up.{i}.attn.{j}", Below::attention},
                  {"up{i}/upsample", "up.{i}.upsample", Below::up},
                  {"norm_out", "norm_out"},
                  {"conv_out", "conv_out"}},
       .block = {{"norm1", "norm1"},
                 {"conv1", "conv1"},
                 {"time", "temb_proj"},
                 {"norm2", "norm2"},
                 {"conv2", "conv2"},
                 {"shortcut", "nin_shortcut"}},
       .attention = {{"norm", "norm"}, {"q", "q"}, {"k", "k"}, {"v", "v"}, {"proj", "proj_out"}},
       .down_conv = "conv",
       .up_conv = "conv"},
      {.name = "openai",
       .words = "OpenAI's improved-diffusion or guided-diffusion",
       .sign = "input_blocks.0.0.weight",
       .places = {{"conv_in", "input_blocks.0.0"},
                  {"time/linear1", "time_embed.0"},
                  {"time/linear2", "time_embed.2"},
                  {"class_embedding", "label_emb"},
                  {"down{i}/block{j}", "input_blocks.{n}.0", Below::block},
                  {"down{i}/attention{j}", "input_blocks.{n}.1", Below::attention},
                  {"down{i}/downsample", "input_blocks.{n}.0", Below::down},
                  {"mid/block0", "middle_block.0", Below::block},
                  {"mid/attention", "middle_block.1", Below::attention},
                  {"mid/block1", "middle_block.2", Below::block},
                  {"up{i}/block{j}", "output_blocks.{n}.0", Below::block},
                  {"up{i}/attention{j}", "output_blocks.{n}.1", Below::attention},
                  {"up{i}/upsample", "output_blocks.{n}.{k}", Below::up},
                  {"norm_out", "out.0"},
                  {"conv_out", "out.2"}},
       .block = {{"norm1", "in_layers.0"},
                 {"conv1", "in_layers.2"},
                 {"time", "emb_layers.1"},
                 {"norm2", "out_layers.0"},
                 {"conv2", "out_layers.3"},
                 {"shortcut", "skip_connection"}},
       .attention =
           {{"norm", "norm"}, {"q", "qkv", 0}, {"k", "qkv", 1}, {"v", "qkv", 2}, {"proj", "proj_out"}},
       .down_conv = "op",
       .up_conv = "conv"},
      {.name = "edm_song",
       .words = "EDM's SongUNet",
       .sign = "map_layer0.weight",
       .unless = "out_conv.weight",
       .places = places_of_edm("dec.{s}_aux_norm", "dec.{s}_aux_conv"),
       .block = block_of_edm,
       .attention = attention_of_edm,
       .classes = TensorLayout::Classes::scaled_columns,
       .constants = "resample_filter"},
      {.name = "edm_adm",
       .words = "EDM's DhariwalUNet",
       .sign = "out_conv.weight",
       .places = places_of_edm("out_norm", "out_conv"),
       .block = block_of_edm,
       .attention = attention_of_edm,
       .classes = TensorLayout::Classes::columns,
       .constants = "resample_filter"},
      {.name = "denoising_diffusion_pytorch",
       .words = "denoising-diffusion-pytorch's Unet",
       .sign = "downs.0.0.block1.proj.weight",
       .places = {{"conv_in", "init_conv"},
                  {"time/linear1", "time_mlp.1"},
                  {"time/linear2", "time_mlp.3"},
                  {"down{i}/block{j}", "downs.{i}.{j}", Below::block},
                  {"down{i}/linear_attention", "downs.{i}.2", Below::linear_attention},
                  {"down{i}/attention", "downs.{i}.2", Below::attention},
                  {"down{i}/downsample/conv", "downs.{i}.3.1"},
                  {"down{i}/conv", "downs.{i}.3"},
                  {"mid/block{j}", "mid_block{J}", Below::block},
                  {"mid/attention", "mid_attn", Below::attention},
                  {"up{i}/block{j}", "ups.{r}.{j}", Below::block},
                  {"up{i}/linear_attention", "ups.{r}.2", Below::linear_attention},
                  {"up{i}/attention", "ups.{r}.2", Below::attention},
                  {"up{i}/upsample/conv", "ups.{r}.3.1"},
                  {"up{i}/conv", "ups.{r}.3"},
                  {"block_out", "final_res_block", Below::block},
                  {"conv_out", "final_conv"}},
       .block = {{"time", "mlp.1"},
                 {"conv1", "block1.proj"},
                 {"norm1", "block1.norm.g", -1, true},
                 {"conv2", "block2.proj"},
                 {"norm2", "block2.norm.g", -1, true},
                 {"shortcut", "res_conv"}},
       .attention = {{"norm", "norm.g", -1, true},
                     {"q", "to_qkv", 0},
                     {"k", "to_qkv", 1},
                     {"v", "to_qkv", 2},
                     {"attention", "mem_kv", -1, true},
                     {"proj", "to_out"}},
       .linear_attention = {{"norm", "norm.g", -1, true},
                            {"q", "to_qkv", 0},
                            {"k", "to_qkv", 1},
                            {"v", "to_qkv", 2},
                            {"attention", "mem_kv", -1, true},
                            {"proj", "to_out.0"},
                            {"norm_out", "to_out.1.g", -1, true}}}};
  return all;
}

struct Numbers {
  std::int64_t level = 0, number = 0;
};

// Whether `path` is `pattern` or lies below it; `rest` is what is below.
bool matches(const std::string& pattern, const std::string& path, Numbers& numbers, std::string& rest) {
  std::size_t at = 0;
  for (std::size_t p = 0; p < pattern.size(); ++p) {
    if (pattern[p] != '{') {
      if (at >= path.size() || path[at++] != pattern[p]) return false;
      continue;
    }
    std::int64_t& into = pattern[p + 1] == 'i' ? numbers.level : numbers.number;
    const std::size_t begin = at;
    for (into = 0; at < path.size() && path[at] >= '0' && path[at] <= '9'; ++at)
      into = 10 * into + (path[at] - '0');
    if (at == begin) return false;
    p += 2;
  }
  if (at < path.size() && path[at] != '/') return false;
  rest = at < path.size() ? path.substr(at + 1) : "";
  return true;
}

std::string filled_in(std::string pattern, const std::string& ours, const Network& network, Numbers numbers) {
  const std::int64_t from_last = network.levels() - 1 - numbers.level, row = network.blocks + 1;
  const bool down = ours.starts_with("down"), resamples = ours.ends_with("sample");
  const std::int64_t place = resamples ? network.blocks : numbers.number;
  const std::int64_t n = down ? 1 + numbers.level * row + place : from_last * row + place;
  const bool attention =
      numbers.level < network.levels() && network.attention[static_cast<std::size_t>(numbers.level)];
  const auto sides = [&network](std::int64_t level) {
    return fmt::format("{0}x{0}", network.input.at(1) >> level);
  };
  const std::vector<std::pair<std::string, std::string>> values = {
      {"{i}", std::to_string(numbers.level)},
      {"{j}", std::to_string(numbers.number)},
      {"{J}", std::to_string(numbers.number + 1)},
      {"{r}", std::to_string(from_last)},
      {"{n}", std::to_string(n)},
      {"{k}", std::to_string(attention ? 2 : 1)},
      {"{s}", sides(numbers.level)},
      {"{half}", sides(numbers.level + 1)},
      {"{twice}", sides(std::max<std::int64_t>(0, numbers.level - 1))},
      {"{least}", sides(network.levels() - 1)}};
  for (const auto& [name, value] : values)
    if (const std::size_t at = pattern.find(name); at != pattern.npos)
      pattern.replace(at, name.size(), value);
  return pattern;
}

const TensorLayout::Leaf* leaf_of(const std::vector<TensorLayout::Leaf>& leaves, const std::string& ours) {
  const auto found =
      std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.ours == ours; });
  return found == leaves.end() ? nullptr : &*found;
}

const std::vector<TensorLayout::Leaf>& leaves_below(const TensorLayout& layout, Below below) {
  static const std::vector<TensorLayout::Leaf> none;
  switch (below) {
    case Below::one:
      return none;
    case Below::attention:
      return layout.attention;
    case Below::linear_attention:
      return layout.linear_attention;
    default:
      return layout.block;
  }
}

}  // namespace

const std::vector<TensorLayout>& tensor_layouts() { return layouts(); }

const TensorLayout& layout_named(const std::string& name) {
  for (const TensorLayout& layout : layouts())
    if (layout.name == name) return layout;
  throw std::logic_error("no layout '" + name + "'");
}

std::optional<TheirTensor> their_tensor(const TensorLayout& layout, const Network& network,
                                        const std::string& ours) {
  const std::size_t slash = ours.find('/'), dot = ours.rfind('.');
  if (slash == ours.npos || dot == ours.npos || dot < slash) return std::nullopt;
  const std::string path = ours.substr(slash + 1, dot - slash - 1), what = ours.substr(dot);
  for (const TensorLayout::Place& place : layout.places) {
    Numbers numbers;
    std::string rest;
    if (!matches(place.ours, path, numbers, rest)) continue;
    const std::string theirs = filled_in(place.theirs, place.ours, network, numbers);
    const bool resamples = place.below == Below::down || place.below == Below::up;
    const bool classes = place.ours == "class_embedding";
    if (place.below == Below::one && rest.empty())
      return TheirTensor{theirs + what, -1, classes ? layout.classes : TensorLayout::Classes::rows};
    if (resamples && rest == "conv")
      return TheirTensor{theirs + "." + (place.below == Below::down ? layout.down_conv : layout.up_conv) +
                         what};
    const auto* leaf = leaf_of(leaves_below(layout, place.below), rest);
    if (leaf && leaf->whole) return TheirTensor{theirs + "." + leaf->theirs};
    if (leaf) return TheirTensor{theirs + "." + leaf->theirs + what, leaf->third};
  }
  return std::nullopt;
}

std::vector<FoundNetwork> find_networks(const std::map<std::string, TensorFile::Facts>& tensors) {
  std::vector<FoundNetwork> found;
  for (const auto& [name, facts] : tensors)
    for (const TensorLayout& layout : layouts()) {
      if (!name.ends_with(layout.sign)) continue;
      const std::string prefix = name.substr(0, name.size() - layout.sign.size());
      if (!prefix.empty() && !prefix.ends_with('.')) continue;
      if (!layout.unless.empty() && tensors.count(prefix + layout.unless)) continue;
      found.push_back({&layout, prefix});
    }
  return found;
}

std::string known_but_not_read(const std::map<std::string, TensorFile::Facts>& tensors) {
  struct Known {
    std::string sign, what;
  };
  static const std::vector<Known> known = {
      {"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
       "diffusers' UNet2DConditionModel, which is told what to draw by texts"},
      {"pos_embed.proj.weight", "a diffusion transformer, no U-Net"}};
  for (const auto& [name, facts] : tensors)
    for (const Known& k : known)
      if (name.ends_with(k.sign)) return k.what;
  return "";
}

std::vector<float> take_third(const std::vector<float>& all, std::int64_t channels, std::int64_t heads,
                              int third, ThirdOrder order) {
  const auto row =
      static_cast<std::int64_t>(all.size()) / (3 * channels);  // numbers behind one output channel
  const std::int64_t depth = channels / heads;
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(channels * row));
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t from = order == ThirdOrder::by_heads      ? (c / depth * 3 + third) * depth + c % depth
                              : order == ThirdOrder::by_channels ? c * 3 + third
                                                                 : third * channels + c;
    values.insert(values.end(), all.begin() + from * row, all.begin() + (from + 1) * row);
  }
  return values;
}

std::vector<float> rows_of_classes(const std::vector<float>& columns, const std::vector<float>& bias,
                                   std::int64_t classes, float scale) {
  const std::int64_t dim = static_cast<std::int64_t>(columns.size()) / classes;
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>((classes + 1) * dim));
  for (std::int64_t k = 0; k <= classes; ++k)
    for (std::int64_t d = 0; d < dim; ++d) {
      const float own = k < classes ? scale * columns[static_cast<std::size_t>(d * classes + k)] : 0;
      rows.push_back(own + (bias.empty() ? 0 : bias[static_cast<std::size_t>(d)]));
    }
  return rows;
}

}  // namespace dagfusion
