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
  std::vector<std::int64_t> widths;  // channels of each level
  std::vector<bool> attention;       // of each level; of a linear_attention_unet: full attention
  std::vector<bool> attention_up;    // the same on the way up; empty: as on the way down
  std::vector<std::string> resample_down,
      resample_up;  // of each level but the last; empty: as the style says
  double dropout = 0;
  UNetStyle style = style_of("ddpm");
  std::string activation = "silu";
  std::int64_t time_channels = 0;  // 0: four times `channels`
  bool middle = true;
  std::string middle_attention = "normalised";
  std::optional<double> middle_scale;
  std::optional<std::int64_t> middle_groups;
  bool centre_input = false;
  std::int64_t classes = 0;
  std::int64_t memory = 0;   // keys and values that the attention of a linear_attention_unet learns
  std::int64_t augment = 0;  // numbers of the label that says what was done to an image
  bool null_class = true;
  // How labels of another program become vectors, where it has no table of them.
  enum class LabelVectors { table, of_sines, as_they_are } label_vectors = LabelVectors::table;
  std::vector<std::string> class_names;

  std::int64_t levels() const { return static_cast<std::int64_t>(widths.size()); }
  std::int64_t channels_at(std::int64_t level) const { return widths[static_cast<std::size_t>(level)]; }
  bool attends(std::int64_t level) const { return attention[static_cast<std::size_t>(level)]; }
  bool attends_up(std::int64_t level) const {
    return attention_up.empty() ? attends(level) : attention_up[static_cast<std::size_t>(level)];
  }
  // What changes the sides between a level and the next: conv, block or pool.
  const std::string& down_by(std::int64_t level) const {
    return resample_down.empty() ? style.resample : resample_down[static_cast<std::size_t>(level)];
  }
  const std::string& up_by(std::int64_t level) const {
    return resample_up.empty() ? style.resample : resample_up[static_cast<std::size_t>(level)];
  }
  std::int64_t time_width() const { return time_channels == 0 ? 4 * channels : time_channels; }
  // Heads of an attention over so many channels.
  std::int64_t heads(std::int64_t at_channels) const {
    return style.head_channels > 0 ? at_channels / style.head_channels : style.heads;
  }
};

// What a section of type unet or linear_attention_unet says. Throws UserError.
Network read_network(const Tree& section, const Shape& input, const std::vector<std::string>& class_names);

// The preset from which the fewest keys differ, with its initial weights.
void take_nearest_preset(UNetStyle&);

// What diffusers cannot be. Throws UserError.
void refuse_own_style(const Network&);

// The section, as YAML on one line: "{type: unet, …}"; what its preset says is left out.
std::string section_text(const Network&);

}  // namespace dagfusion
