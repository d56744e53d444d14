#include "tools/exchange/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/catalog.h"

namespace dagfusion {

namespace {

Network read_linear_attention(const Tree& section, const Shape& input) {
  std::vector<Fault> faults;
  const Parameters given = Parameters::read(section, catalog().find("linear_attention_unet")->parameters,
                                            {"type"}, "section 'model'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  Network network{.type = "linear_attention_unet",
                  .input = input,
                  .out_channels = given.integer("out_channels"),
                  .channels = given.integer("channels"),
                  .dropout = given.real("dropout"),
                  .memory = given.integer("memory")};
  if (network.out_channels == 0) network.out_channels = input.at(0);
  network.style.heads = given.integer("heads");
  network.style.head_channels = given.integer("head_channels");
  for (const std::int64_t multiplier : given.integers("multipliers"))
    network.widths.push_back(multiplier * network.channels);
  const std::vector<std::int64_t>& full = given.integers("full_attention_at");
  for (std::int64_t i = 0; i < network.levels(); ++i)
    network.attention.push_back(full.empty()
                                    ? i + 1 == network.levels()
                                    : std::find(full.begin(), full.end(), input.at(1) >> i) != full.end());
  return network;
}

}  // namespace

Network read_network(const Tree& section, const Shape& input, const std::vector<std::string>& class_names) {
  const Tree* type = section.is_map() ? section.find("type") : nullptr;
  if (type && type->text == "linear_attention_unet") return read_linear_attention(section, input);
  if (!type || type->text != "unet")
    throw UserError(
        section.where,
        fmt::format("section 'model' is of type '{}'; networks of type unet and linear_attention_unet have "
                    "names in other programs, and '--format onnx' writes any",
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
                  .widths = unet_widths(given),
                  .dropout = given.real("dropout"),
                  .style = asked_style(given),
                  .activation = given.text("activation"),
                  .time_channels = given.integer("time_channels"),
                  .middle = given.flag("middle"),
                  .middle_attention = given.text("middle_attention"),
                  .centre_input = given.flag("centre_input"),
                  .augment = given.integer("augment"),
                  .null_class = given.flag("null_class")};
  if (network.out_channels == 0) network.out_channels = input.at(0);
  const auto levels_of = [&](const std::vector<std::int64_t>& heights) {
    std::vector<bool> attention;
    for (std::int64_t i = 0; i < network.levels(); ++i)
      attention.push_back(std::find(heights.begin(), heights.end(), input.at(1) >> i) != heights.end());
    return attention;
  };
  network.attention = levels_of(given.integers("attention_at"));
  if (given.has("attention_up_at")) network.attention_up = levels_of(given.integers("attention_up_at"));
  if (given.has("resample_down")) network.resample_down = given.texts("resample_down");
  if (given.has("resample_up")) network.resample_up = given.texts("resample_up");
  if (given.has("middle_scale")) network.middle_scale = given.real("middle_scale");
  if (given.has("middle_groups")) network.middle_groups = given.integer("middle_groups");
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
          fmt::format(
              "section 'model': '{}' is {}, which only EDM's networks have a word for; '--format edm' and "
              "'--format onnx' write it",
              key, value));
  };
  if (network.type != "unet")
    throw UserError({}, fmt::format("section 'model' is of type '{0}', which is no UNet2DModel; '--format "
                                    "denoising_diffusion_pytorch' and '--format onnx' write it",
                                    network.type));
  refuse(network.augment > 0, "augment", network.augment);
  refuse(style.skip_scale != usual.skip_scale, "skip_scale", style.skip_scale);
  refuse(style.group_channels != usual.group_channels, "group_channels", style.group_channels);
  refuse(style.resample_shortcut != usual.resample_shortcut, "resample_shortcut", style.resample_shortcut);
  refuse(style.attention_up != usual.attention_up, "attention_up", style.attention_up);
  refuse(network.classes > 0 && style.class_at != usual.class_at, "class_at", style.class_at);
}

namespace {

std::vector<std::int64_t> heights_of(const Network& network, bool up) {
  std::vector<std::int64_t> heights;
  for (std::int64_t i = 0; i < network.levels(); ++i)
    if (up ? network.attends_up(i) : network.attends(i)) heights.push_back(network.input.at(1) >> i);
  return heights;
}

std::vector<std::int64_t> multipliers_of(const Network& network) {
  std::vector<std::int64_t> multipliers;
  for (const std::int64_t width : network.widths) multipliers.push_back(width / network.channels);
  return multipliers;
}

// "multipliers: [1, 2]", or "widths: [8, 12]" where no multiplier says that.
std::string widths_text(const Network& network) {
  const bool multiples = std::all_of(network.widths.begin(), network.widths.end(),
                                     [&](std::int64_t width) { return width % network.channels == 0; });
  return multiples ? fmt::format("multipliers: [{}]", fmt::join(multipliers_of(network), ", "))
                   : fmt::format("widths: [{}]", fmt::join(network.widths, ", "));
}

std::string linear_attention_text(const Network& network) {
  std::string out_channels;
  if (network.out_channels != network.input.at(0))
    out_channels = fmt::format(", out_channels: {}", network.out_channels);
  return fmt::format(
      "{{type: {}, channels: {}, multipliers: [{}], full_attention_at: [{}], heads: {}, head_channels: {}, "
      "memory: {}{}}}",
      network.type, network.channels, fmt::join(multipliers_of(network), ", "),
      fmt::join(heights_of(network, false), ", "), network.style.heads, network.style.head_channels,
      network.memory, out_channels);
}

// Keys that no preset knows.
void add_own_keys(const Network& network, std::vector<std::string>& keys) {
  const auto add_list = [&](const char* key, const std::vector<std::string>& list) {
    if (!list.empty()) keys.push_back(fmt::format("{}: [{}]", key, fmt::join(list, ", ")));
  };
  if (!network.attention_up.empty() && network.attention_up != network.attention)
    keys.push_back(fmt::format("attention_up_at: [{}]", fmt::join(heights_of(network, true), ", ")));
  add_list("resample_down", network.resample_down);
  add_list("resample_up", network.resample_up);
  if (network.activation != "silu") keys.push_back("activation: " + network.activation);
  if (network.time_channels > 0) keys.push_back(fmt::format("time_channels: {}", network.time_channels));
  if (!network.middle) keys.push_back("middle: false");
  if (network.middle_attention != "normalised")
    keys.push_back("middle_attention: " + network.middle_attention);
  if (network.middle_scale) keys.push_back(fmt::format("middle_scale: {}", *network.middle_scale));
  if (network.middle_groups) keys.push_back(fmt::format("middle_groups: {}", *network.middle_groups));
  if (network.centre_input) keys.push_back("centre_input: true");
}

}  // namespace

std::string section_text(const Network& network) {
  if (network.type != "unet") return linear_attention_text(network);
  std::vector<std::string> keys = {
      "type: unet",
      fmt::format("channels: {}", network.channels),
      widths_text(network),
      fmt::format("blocks: {}", network.blocks),
      fmt::format("attention_at: [{}]", fmt::join(heights_of(network, false), ", ")),
      fmt::format("groups: {}", network.groups)};
  if (network.dropout > 0) keys.push_back(fmt::format("dropout: {}", network.dropout));
  if (network.out_channels != network.input.at(0))
    keys.push_back(fmt::format("out_channels: {}", network.out_channels));
  add_style(network.style, keys);
  add_own_keys(network, keys);
  if (network.classes > 0) keys.push_back(fmt::format("classes: {}", network.classes));
  if (network.augment > 0) keys.push_back(fmt::format("augment: {}", network.augment));
  if (network.classes > 0 && !network.null_class) keys.push_back("null_class: false");
  return fmt::format("{{{}}}", fmt::join(keys, ", "));
}

}  // namespace dagfusion
