// In what the U-Nets of the literature differ, but for their sizes: what the parameter `preset` of unet stands for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/types/parameter.h"

namespace dagfusion {

struct UNetStyle {
  std::string preset;
  std::string time_order;           // of the time embedding: sin_cos or cos_sin
  std::int64_t freq_shift;          // of the time embedding
  double eps;                       // of every norm
  std::string padding;              // of the convolutions that halve the sides: end or same
  std::string resample;             // conv: a convolution, block: a residual block, pool: nothing learned
  bool film;                        // the timestep scales and shifts
  std::int64_t heads;               // of every attention, where head_channels is 0
  std::int64_t head_channels;       // channels of a head
  std::string init;                 // as of network_init.h
  double skip_scale = 1;            // of the sums with short cuts
  std::int64_t group_channels = 1;  // fewest of a group
  std::string resample_shortcut = "plain";  // of blocks that change the sides: plain or conv
  std::string attention_up = "each";        // of each block of a level on the way up, or of the last
  std::string class_at = "end";             // of the time embedding, where it is added: start or end
  std::string augment_at = "end";
};

const UNetStyle& style_of(const std::string& preset);
// That of the preset, but for what is written. `unet`: the parameters of the node type.
UNetStyle asked_style(const Parameters& unet);

std::vector<Parameter> unet_parameters();  // of the node type
// Channels of each level.
std::vector<std::int64_t> unet_widths(const Parameters& unet);

}  // namespace dagfusion
