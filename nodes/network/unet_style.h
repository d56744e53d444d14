// In what the U-Nets of the literature differ, but for their sizes: what the parameter `preset` of unet stands for.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dagfusion {

struct UNetStyle {
  std::string_view preset;
  std::string_view time_order;  // of the time embedding: sin_cos or cos_sin
  std::int64_t freq_shift;      // of the time embedding
  double eps;                   // of every norm
  std::string_view padding;     // of the convolutions that halve the sides: end or same
  std::string_view resample;    // conv: a convolution, block: a residual block, pool: nothing learned
  bool film;                    // the timestep scales and shifts
  std::int64_t heads;           // of every attention, where head_channels is 0
  std::int64_t head_channels;   // channels of a head
  std::string_view init;        // as of network_init.h
};

//  ddpm: Ho et al. 2020, arXiv:2006.11239; iddpm: Nichol and Dhariwal 2021, arXiv:2102.09672; adm: Dhariwal and Nichol
//  2021, arXiv:2105.05233; diffusers: the defaults of UNet2DModel, https://github.com/huggingface/diffusers
inline constexpr std::array<UNetStyle, 4> kUNetStyles = {{
    {"ddpm", "sin_cos", 1, 1e-6, "end", "conv", false, 1, 0, "ho"},
    {"iddpm", "cos_sin", 0, 1e-5, "same", "conv", true, 4, 0, "openai"},
    {"adm", "cos_sin", 0, 1e-5, "same", "block", true, 1, 64, "openai"},
    {"diffusers", "cos_sin", 0, 1e-5, "same", "conv", false, 1, 8, "pytorch"},
}};

constexpr const UNetStyle& style_of(std::string_view preset) {
  for (const UNetStyle& style : kUNetStyles)
    if (style.preset == preset) return style;
  return kUNetStyles.front();
}

}  // namespace dagfusion
