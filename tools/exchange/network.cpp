#include "tools/exchange/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/catalog.h"

namespace dagfusion {

Network read_network(const Tree& section, const Shape& input, const std::vector<std::string>& class_names) {
  const Tree* type = section.is_map() ? section.find("type") : nullptr;
  if (!type || type->text != "unet")
    throw UserError(section.where,
                    fmt::format("section 'model' is of type '{}'; networks of type unet can be exchanged",
                                type ? type->text : ""));
  if (const Tree* inside = section.find("inside"))
    throw UserError(inside->where, "section 'model' has 'inside', which other programs have no word for");
  std::vector<Fault> faults;
  const Parameters given =
      Parameters::read(section, catalog().find("unet")->parameters, {"type"}, "section 'model'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));

  Network network{.input = input,
                  .out_channels = given.integer("out_channels"),
                  .channels = given.integer("channels"),
                  .blocks = given.integer("blocks"),
                  .groups = given.integer("groups"),
                  .multipliers = given.integers("multipliers"),
                  .dropout = given.real("dropout"),
                  .style = asked_style(given),
                  .middle_attention = given.text("middle_attention"),
                  .augment = given.integer("augment"),
                  .null_class = given.flag("null_class")};
  if (network.out_channels == 0) network.out_channels = input.at(0);
  const std::vector<std::int64_t>& at = given.integers("attention_at");
  for (std::int64_t i = 0; i < network.levels(); ++i)
    network.attention.push_back(std::find(at.begin(), at.end(), input.at(1) >> i) != at.end());
  if (given.text("classes") != "0") network.class_names = class_names;
  network.classes = static_cast<std::int64_t>(network.class_names.size());
  return network;
}

namespace {

// Keys of the style that its preset does not say.
void add_style(const UNetStyle& style, std::vector<std::string>& keys) {
  const UNetStyle& preset = style_of(style.preset);
  const auto add = [&](const char* key, const auto& value, const auto& usual) {
    if (value != usual) keys.push_back(fmt::format("{}: {}", key, value));
  };
  if (style.preset != "ddpm") keys.push_back("preset: " + style.preset);
  add("time_order", style.time_order, preset.time_order);
  add("freq_shift", style.freq_shift, preset.freq_shift);
  if (style.eps != preset.eps) keys.push_back(fmt::format("eps: {}", style.eps));
  add("padding", style.padding, preset.padding);
  add("resample", style.resample, preset.resample);
  add("film", style.film, preset.film);
  if (style.head_channels > 0)
    add("head_channels", style.head_channels, preset.head_channels);
  else if (style.heads != preset.heads || preset.head_channels > 0)
    keys.push_back(fmt::format("heads: {}", style.heads));
  add("init", style.init, preset.init);
  if (style.skip_scale != preset.skip_scale) keys.push_back(fmt::format("skip_scale: {}", style.skip_scale));
  add("group_channels", style.group_channels, preset.group_channels);
  add("resample_shortcut", style.resample_shortcut, preset.resample_shortcut);
  add("attention_up", style.attention_up, preset.attention_up);
  add("class_at", style.class_at, preset.class_at);
  add("augment_at", style.augment_at, preset.augment_at);
}

}  // namespace

void take_nearest_preset(UNetStyle& style) {
  std::size_t fewest = SIZE_MAX;
  UNetStyle nearest = style;
  for (const char* preset : {"ddpm", "iddpm", "adm", "diffusers", "ddpmpp"}) {
    UNetStyle other = style;
    other.preset = preset;
    other.init = style_of(preset).init;
    std::vector<std::string> keys;
    add_style(other, keys);
    if (keys.size() < fewest) nearest = other;
    fewest = std::min(fewest, keys.size());
  }
  style = nearest;
}

void refuse_own_style(const Network& network) {
  const UNetStyle &style = network.style, &usual = style_of("ddpm");
  const auto refuse = [](bool own, const char* key, const auto& value) {
    if (own)
      throw UserError(
          {},
          fmt::format("section 'model': '{}' is {}, which only EDM's networks have a word for", key, value));
  };
  refuse(network.augment > 0, "augment", network.augment);
  refuse(style.skip_scale != usual.skip_scale, "skip_scale", style.skip_scale);
  refuse(style.group_channels != usual.group_channels, "group_channels", style.group_channels);
  refuse(style.resample_shortcut != usual.resample_shortcut, "resample_shortcut", style.resample_shortcut);
  refuse(style.attention_up != usual.attention_up, "attention_up", style.attention_up);
  refuse(network.classes > 0 && style.class_at != usual.class_at, "class_at", style.class_at);
}

namespace {

std::string linear_attention_text(const Network& network, const std::vector<std::int64_t>& full_at) {
  std::string out_channels;
  if (network.out_channels != network.input.at(0))
    out_channels = fmt::format(", out_channels: {}", network.out_channels);
  return fmt::format(
      "{{type: {}, channels: {}, multipliers: [{}], full_attention_at: [{}], heads: {}, head_channels: {}, "
      "memory: {}{}}}",
      network.type, network.channels, fmt::join(network.multipliers, ", "), fmt::join(full_at, ", "),
      network.style.heads, network.style.head_channels, network.memory, out_channels);
}

}  // namespace

std::string section_text(const Network& network) {
  std::vector<std::int64_t> at;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (network.attention[static_cast<std::size_t>(i)]) at.push_back(network.input.at(1) >> i);
  if (network.type != "unet") return linear_attention_text(network, at);
  std::vector<std::string> keys = {"type: unet",
                                   fmt::format("channels: {}", network.channels),
                                   fmt::format("multipliers: [{}]", fmt::join(network.multipliers, ", ")),
                                   fmt::format("blocks: {}", network.blocks),
                                   fmt::format("attention_at: [{}]", fmt::join(at, ", ")),
                                   fmt::format("groups: {}", network.groups)};
  if (network.dropout > 0) keys.push_back(fmt::format("dropout: {}", network.dropout));
  if (network.out_channels != network.input.at(0))
    keys.push_back(fmt::format("out_channels: {}", network.out_channels));
  add_style(network.style, keys);
  if (network.middle_attention != "normalised")
    keys.push_back("middle_attention: " + network.middle_attention);
  if (network.classes > 0) keys.push_back(fmt::format("classes: {}", network.classes));
  if (network.augment > 0) keys.push_back(fmt::format("augment: {}", network.augment));
  if (network.classes > 0 && !network.null_class) keys.push_back("null_class: false");
  return fmt::format("{{{}}}", fmt::join(keys, ", "));
}

}  // namespace dagfusion
