#include "tools/exchange/layouts.h"

#include <fmt/format.h>

#include <algorithm>

namespace dagfusion {

namespace {

using Below = TensorLayout::Below;

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
  const bool attention = numbers.level < network.levels() && network.attends_up(numbers.level);
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

const TensorLayout& layout_named(const std::string& name) {
  for (const TensorLayout& layout : tensor_layouts())
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
    for (const TensorLayout& layout : tensor_layouts()) {
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

}  // namespace dagfusion
