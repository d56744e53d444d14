// unet: predicts from noisy images and their timesteps, at several resolutions with skip connections between.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B.
//
//   temb = silu(linear2(silu(linear1(embedding(t)))) + class_embedding[label])  shared by all residual blocks
//   h = conv_in(x), kept;  for each level: `blocks` times block (and attention), each kept;  downsample, kept
//   h = block, attention, block
//   for each level, last first: `blocks` + 1 times block(concat(h, last kept)) (and attention);  upsample
//   y = conv_out(silu(norm_out(h)))
//
// x: [N,C,H,W], H and W divisible by 2^(levels-1); t: [N]; y: [N,out_channels,H,W]. Level i has channels *
// multipliers[i] channels and sides of H/2^i; "up1" is as large as "down1".
// label: [N], with `classes` only: class of each image, -1 = none (Nichol and Dhariwal 2021, arXiv:2102.09672).
// augment: [N,A], with `augment` only: what was done to each image (Karras et al. 2022, arXiv:2206.00364, appendix F.2).
// Without a label, a model with classes draws as for -1; in training that would be a slip, and is refused.
//
// preset says what kind of network it is, from which each parameter may differ:
//               time_order  freq_shift  eps   padding  resample  film   heads           init
//   ddpm        sin_cos     1           1e-6  end      conv      false  1               ho        Ho et al. 2020
//   iddpm       cos_sin     0           1e-5  same     conv      true   4               openai    arXiv:2102.09672
//   adm         cos_sin     0           1e-5  same     block     true   C / 64          openai    arXiv:2105.05233
//   diffusers   cos_sin     0           1e-5  same     conv      false  C / 8           pytorch   UNet2DModel's defaults
//   ddpmpp      sin_cos     1           1e-6  same     block     false  1               song      arXiv:2206.00364
// Keys that no preset has are of networks of diffusers: `widths`, `activation`, `time_channels`, `attention_up_at`,
// `resample_down`, `resample_up`, `middle`, `middle_scale`, `middle_groups`, `centre_input`.
// ddpmpp is the DDPM++ of Song et al. 2021, arXiv:2011.13456, as Karras et al. train it. There skip_scale is sqrt(1/2),
// groups have 4 channels at least, short cuts that change sides have a convolution, the way up has attention behind the
// last block of a level, and labels are added to the embedding before linear1.

#include <fmt/format.h>

#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/network/network_init.h"
#include "nodes/network/unet_design.h"

namespace dagfusion {
namespace {

class UNet {
 public:
  UNet(Builder& b, const Shape& images)
      : b_(b), design_(unet_design(b, images)), style_(design_.style), init_(style_.init) {}

  Wire build(const Wire& x) {
    embed_time();
    const Wire images = b_.parameters().flag("centre_input")
                            ? b_.add("centred", "affine", {{"x", x}}, {{"factor", 2.0}, {"offset", -1.0}})
                            : x;
    Wire h = b_.add("conv_in", "conv2d", {{"x", images}},
                    starting({{"channels", design_.channels}, {"kernel", std::int64_t{3}}}, init_));
    h = down(h);
    h = up(design_.middle ? middle(h) : h);
    h = b_.add("norm_out", "group_norm", {{"x", h}},
               {{"groups", design_.groups_at(design_.width(0))}, {"eps", style_.eps}, {"silu", true}});
    const std::int64_t out_channels = b_.parameters().integer("out_channels");
    return b_.add("conv_out", "conv2d", {{"x", h}},
                  starting({{"channels", out_channels == 0 ? b_.spec(x).shape[1] : out_channels},
                            {"kernel", std::int64_t{3}}},
                           init_, true));
  }

 private:
  std::int64_t time_channels() const {
    const std::int64_t asked = b_.parameters().integer("time_channels");
    return asked == 0 ? 4 * design_.channels : asked;
  }

  void embed_time() {
    Wire h =
        b_.add("time/embedding", "time_embedding", {{"t", b_.input("t")}},
               {{"dim", design_.channels}, {"order", style_.time_order}, {"freq_shift", style_.freq_shift}});
    h = labelled(h, "start");
    h = b_.add("time/linear1", "linear", {{"x", h}}, starting({{"channels", time_channels()}}, init_));
    h = b_.add("time/silu1", "silu", {{"x", h}});
    h = b_.add("time/linear2", "linear", {{"x", h}}, starting({{"channels", time_channels()}}, init_));
    h = labelled(h, "end");
    temb_ = b_.add(fmt::format("time/{}2", design_.activation), design_.activation, {{"x", h}});
  }

  // With the labels that enter at this place.
  Wire labelled(Wire h, const std::string& place) {
    if (design_.classes > 0 && style_.class_at == place)
      h = b_.add("class_embedding", "class_embedding", {{"x", h}, {"label", b_.input("label")}},
                 class_settings());
    if (design_.augment > 0 && style_.augment_at == place)
      h = b_.add("augment_embedding", "augment_embedding", {{"x", h}, {"label", b_.input("augment")}},
                 {{"length", design_.augment}});
    return h;
  }

  // Song et al. have a linear layer there, whose input is sqrt(classes) for the class and 0 for all others.
  std::map<std::string, Setting> class_settings() const {
    std::map<std::string, Setting> settings = {{"classes", design_.classes},
                                               {"null_class", b_.parameters().flag("null_class")}};
    if (init_ == "song")
      settings["init_std"] = std::sqrt(2.0 * static_cast<double>(design_.classes) /
                                       static_cast<double>(design_.classes + design_.channels));
    return settings;
  }

  // Of blocks and attention in the middle, which may have one of their own.
  double middle_scale() const {
    return b_.parameters().has("middle_scale") ? b_.parameters().real("middle_scale") : style_.skip_scale;
  }

  Wire residual(const std::string& name, Wire h, std::int64_t channels, const std::string& resample = "none",
                bool in_middle = false) {
    return b_.add(name, "residual_block", {{"x", h}, {"temb", temb_}},
                  {{"channels", channels},
                   {"dropout", b_.parameters().real("dropout")},
                   {"groups", design_.groups},
                   {"eps", style_.eps},
                   {"film", style_.film},
                   {"activation", design_.activation},
                   {"resample", resample},
                   {"resample_shortcut", style_.resample_shortcut},
                   {"group_channels", style_.group_channels},
                   {"skip_scale", in_middle ? middle_scale() : style_.skip_scale},
                   {"init", init_}});
  }

  Wire attention(const std::string& name, Wire h, bool in_middle = false) {
    if (b_.broken(h)) return h;
    const std::int64_t channels = b_.spec(h).shape[1];
    const bool norm = !in_middle || design_.middle_attention == "normalised";
    const bool own_groups = in_middle && b_.parameters().has("middle_groups");
    return b_.add(name, "attention_block", {{"x", h}},
                  {{"heads", style_.head_channels > 0 ? channels / style_.head_channels : style_.heads},
                   {"groups", own_groups ? b_.parameters().integer("middle_groups") : design_.groups},
                   {"eps", style_.eps},
                   {"norm", norm},
                   {"group_channels", style_.group_channels},
                   {"skip_scale", in_middle ? middle_scale() : style_.skip_scale},
                   {"init", init_}});
  }

  // To half the sides of this level.
  Wire smaller(const std::string& name, Wire h, std::int64_t level) {
    const std::string& how = design_.resample_down[static_cast<std::size_t>(level)];
    if (how == "block") return residual(name, h, design_.width(level), "down");
    if (how == "pool") return b_.add(name, "average_pool", {{"x", h}});
    return b_.add(name, "downsample", {{"x", h}}, {{"padding", style_.padding}, {"init", init_}});
  }

  // To twice the sides of this level.
  Wire larger(const std::string& name, Wire h, std::int64_t level) {
    const std::string& how = design_.resample_up[static_cast<std::size_t>(level - 1)];
    if (how == "block") return residual(name, h, design_.width(level), "up");
    if (how == "pool") return b_.add(name, "nearest_upsample", {{"x", h}});
    return b_.add(name, "upsample", {{"x", h}}, {{"init", init_}});
  }

  // Block `number` of a level, with attention when the level's height asks for it.
  Wire block(const std::string& level, std::int64_t number, Wire h, std::int64_t channels,
             const std::vector<std::int64_t>& attention_at) {
    h = residual(fmt::format("{}/block{}", level, number), h, channels);
    if (b_.broken(h) || !attends(attention_at, b_.spec(h).shape[2])) return h;
    return attention(fmt::format("{}/attention{}", level, number), h);
  }

  Wire down(Wire h) {
    kept_.push_back(h);
    for (std::int64_t i = 0; i < design_.levels(); ++i) {
      const std::string level = fmt::format("down{}", i);
      for (std::int64_t j = 0; j < design_.blocks; ++j)
        kept_.push_back(h = block(level, j, h, design_.width(i), design_.attention_at));
      if (i + 1 < design_.levels()) kept_.push_back(h = smaller(level + "/downsample", h, i));
    }
    return h;
  }

  Wire middle(Wire h) {
    const std::int64_t channels = design_.widths.back();
    h = residual("mid/block0", h, channels, "none", true);
    if (design_.has_middle_attention()) h = attention("mid/attention", h, true);
    return residual("mid/block1", h, channels, "none", true);
  }

  Wire up(Wire h) {
    for (std::int64_t i = design_.levels() - 1; i >= 0; --i) {
      const std::string level = fmt::format("up{}", i);
      for (std::int64_t j = 0; j <= design_.blocks; ++j) {
        h = b_.add(fmt::format("{}/concat{}", level, j), "concat", {{"a", h}, {"b", kept_.back()}});
        kept_.pop_back();
        const bool may_attend = style_.attention_up == "each" || j == design_.blocks;
        h = block(level, j, h, design_.width(i),
                  may_attend ? design_.attention_up_at : std::vector<std::int64_t>());
      }
      if (i > 0) h = larger(level + "/upsample", h, i);
    }
    return h;
  }

  Builder& b_;
  const UNetDesign design_;
  const UNetStyle& style_;
  const std::string& init_;
  Wire temb_;
  std::vector<Wire> kept_;
};

}  // namespace

NodeType unet() {
  return {
      .name = "unet",
      .summary =
          "Predicts from noisy images and their timesteps, at several resolutions with skip connections.",
      .stands_for = {"model"},
      .paper = "Ho et al. 2020, arXiv:2006.11239, appendix B",
      .example = "{type: unet, in: {x: xt, t: t}, channels: 32, multipliers: [1, 2], groups: 8}",
      .role = Role::composite,
      .inputs = {{"x", "[N,C,H,W] f32", "noisy images"},
                 {"t", "[N] f32", "timestep of each image"},
                 {.name = "label",
                  .spec = "[N] i32",
                  .doc = "class of each image, from 0; -1 = no class",
                  .optional = true},
                 {.name = "augment",
                  .spec = "[N,A] f32",
                  .doc = "what was done to each image; nothing when not wired, as for images that are drawn",
                  .optional = true}},
      .outputs = {{"y", "[N,D,H,W] act blocked", "the prediction"}},
      .parameters = unet_parameters(),
      .expand = [](Builder& b) {
        const Wire x = b.input("x");
        b.output("y", b.broken(x) ? x : UNet(b, b.spec(x).shape).build(x));
      }};
}

}  // namespace dagfusion
