#include "nodes/network/unet_style.h"

#include <fmt/format.h>

#include <cmath>

namespace dagfusion {

//  ddpm: Ho et al. 2020, arXiv:2006.11239; iddpm: Nichol and Dhariwal 2021, arXiv:2102.09672; adm: Dhariwal and Nichol
//  2021, arXiv:2105.05233; ddpmpp: Song et al. 2021, arXiv:2011.13456, as in Karras et al. 2022, arXiv:2206.00364;
//  diffusers: the defaults of UNet2DModel, https://github.com/huggingface/diffusers
const UNetStyle& style_of(const std::string& preset) {
  static const std::vector<UNetStyle> all = {
      {"ddpm", "sin_cos", 1, 1e-6, "end", "conv", false, 1, 0, "ho"},
      {"iddpm", "cos_sin", 0, 1e-5, "same", "conv", true, 4, 0, "openai"},
      {"adm", "cos_sin", 0, 1e-5, "same", "block", true, 1, 64, "openai"},
      {"diffusers", "cos_sin", 0, 1e-5, "same", "conv", false, 1, 8, "pytorch"},
      {"ddpmpp", "sin_cos", 1, 1e-6, "same", "block", false, 1, 0, "song", std::sqrt(0.5), 4, "conv", "last",
       "start", "start"},
  };
  for (const UNetStyle& style : all)
    if (style.preset == preset) return style;
  return all.front();
}

UNetStyle asked_style(const Parameters& unet) {
  UNetStyle style = style_of(unet.text("preset"));
  const auto take_text = [&](const char* name, std::string& into) {
    if (unet.has(name)) into = unet.text(name);
  };
  const auto take_integer = [&](const char* name, std::int64_t& into) {
    if (unet.has(name)) into = unet.integer(name);
  };
  take_text("time_order", style.time_order);
  take_text("padding", style.padding);
  take_text("resample", style.resample);
  take_text("init", style.init);
  take_text("resample_shortcut", style.resample_shortcut);
  take_text("attention_up", style.attention_up);
  take_text("class_at", style.class_at);
  take_text("augment_at", style.augment_at);
  take_integer("freq_shift", style.freq_shift);
  if (unet.has("heads")) style.head_channels = 0;
  take_integer("heads", style.heads);
  take_integer("group_channels", style.group_channels);
  take_integer("head_channels", style.head_channels);
  if (unet.has("eps")) style.eps = unet.real("eps");
  if (unet.has("skip_scale")) style.skip_scale = unet.real("skip_scale");
  if (unet.has("film")) style.film = unet.flag("film");
  if (unet.has("heads") && style.head_channels > 0)
    unet.fail("head_channels", fmt::format("'heads' is {} and 'head_channels' {}; one of them says it all",
                                           style.heads, style.head_channels));
  return style;
}

}  // namespace dagfusion
