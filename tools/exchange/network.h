// A U-Net in words that its own section, configurations of other programs and state dicts can all be turned into.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/values/tensor.h"
#include "nodes/network/unet_style.h"

namespace dagfusion {

struct Network {
  std::string type = "unet";
  Shape input;  // [C,H,W]
  std::int64_t out_channels = 3, channels = 128, blocks = 2, groups = 32;
  std::vector<std::int64_t> multipliers;
  std::vector<bool> attention;  // of each level; of a linear_attention_unet: full attention
  double dropout = 0;
  UNetStyle style = style_of("ddpm");
  std::string middle_attention = "normalised";
  std::int64_t classes = 0;
  std::int64_t memory = 0;   // keys and values that the attention of a linear_attention_unet learns
  std::int64_t augment = 0;  // numbers of the label that says what was done to an image
  bool null_class = true;
  std::vector<std::string> class_names;

  std::int64_t levels() const { return static_cast<std::int64_t>(multipliers.size()); }
  std::int64_t channels_at(std::int64_t level) const {
    return channels * multipliers[static_cast<std::size_t>(level)];
  }
  // Heads of an attention over so many channels.
  std::int64_t heads(std::int64_t at_channels) const {
    return style.head_channels > 0 ? at_channels / style.head_channels : style.heads;
  }
};

// What a section of type unet says. Throws UserError.
Network read_network(const Tree& section, const Shape& input, const std::vector<std::string>& class_names);

// The preset from which the fewest keys differ, with its initial weights.
void take_nearest_preset(UNetStyle&);

// What neither diffusers nor an ONNX graph of ours can be. Throws UserError.
void refuse_own_style(const Network&);

// The section, as YAML on one line: "{type: unet, …}"; what its preset says is left out.
std::string section_text(const Network&);

}  // namespace dagfusion
