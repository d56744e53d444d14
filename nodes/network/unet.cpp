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

#include <algorithm>
#include <charconv>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/network/groups.h"
#include "nodes/network/network_init.h"
#include "nodes/network/unet_style.h"

namespace dagfusion {
namespace {

constexpr std::int64_t kMostClasses = 65536;

class UNet {
 public:
  explicit UNet(Builder& b)
      : b_(b),
        channels_(b.parameters().integer("channels")),
        widths_(unet_widths(b.parameters())),
        blocks_(b.parameters().integer("blocks")),
        attention_at_(b.parameters().integers("attention_at")),
        attention_up_at_(b.parameters().has("attention_up_at") ? b.parameters().integers("attention_up_at")
                                                               : attention_at_),
        augment_(b.parameters().integer("augment")),
        activation_(b.parameters().text("activation")),
        style_(asked_style(b.parameters())),
        resample_down_(resampling_of_levels("resample_down")),
        resample_up_(resampling_of_levels("resample_up")),
        init_(style_.init) {}

  void build() {
    const Wire x = b_.input("x");
    if (b_.broken(x)) return b_.output("y", x);
    const Shape shape = b_.spec(x).shape;
    check_levels();
    check_groups();
    check_sides(shape);
    check_attention(shape);
    check_heads(shape);
    settle_classes();
    check_augment();
    embed_time();
    const Wire images = b_.parameters().flag("centre_input")
                            ? b_.add("centred", "affine", {{"x", x}}, {{"factor", 2.0}, {"offset", -1.0}})
                            : x;
    Wire h = b_.add("conv_in", "conv2d", {{"x", images}},
                    starting({{"channels", channels_}, {"kernel", std::int64_t{3}}}, init_));
    h = down(h);
    h = up(b_.parameters().flag("middle") ? middle(h) : h);
    h = b_.add("norm_out", "group_norm", {{"x", h}},
               {{"groups", groups_at(width(0))}, {"eps", style_.eps}, {"silu", true}});
    const std::int64_t out_channels = b_.parameters().integer("out_channels");
    b_.output("y", b_.add("conv_out", "conv2d", {{"x", h}},
                          starting({{"channels", out_channels == 0 ? shape[1] : out_channels},
                                    {"kernel", std::int64_t{3}}},
                                   init_, true)));
  }

 private:
  std::int64_t levels() const { return static_cast<std::int64_t>(widths_.size()); }
  std::int64_t width(std::int64_t level) const { return widths_[static_cast<std::size_t>(level)]; }
  std::int64_t groups() const { return b_.parameters().integer("groups"); }
  std::int64_t groups_at(std::int64_t channels) const {
    return groups_of(channels, groups(), style_.group_channels);
  }

  // As `resample` says, where no list says it level by level.
  std::vector<std::string> resampling_of_levels(const char* key) const {
    const auto changes = static_cast<std::size_t>(std::max<std::int64_t>(0, levels() - 1));
    if (!b_.parameters().has(key)) return std::vector<std::string>(changes, style_.resample);
    const std::vector<std::string>& asked = b_.parameters().texts(key);
    if (asked.size() != changes)
      b_.fail_at(key, fmt::format("'{}' holds {} words, but there are {} changes of sides between {} levels",
                                  key, asked.size(), changes, levels()));
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (asked[i] != "conv" && asked[i] != "block" && asked[i] != "pool")
        b_.fail_at(key, i, fmt::format("'{}' holds '{}'; it must be conv, block or pool", key, asked[i]));
    return asked;
  }

  void check_levels() const {
    if (levels() < 1 || levels() > 8)
      b_.fail_at("multipliers", fmt::format("'multipliers' has {} levels; 1 to 8 would do", levels()));
    if (!b_.parameters().flag("middle") && b_.parameters().has("middle_groups"))
      b_.fail_at("middle_groups", "'middle_groups' is given, but 'middle' is false: there is no middle");
  }

  void check_groups() const {
    const auto divide = [&](std::int64_t channels, const std::string& whose) {
      if (channels % groups_at(channels) == 0) return;
      b_.fail_at("groups", fmt::format("'groups' is {}, which does not divide the {} channels of {}",
                                       groups_at(channels), channels, whose));
    };
    divide(channels_, "'conv_in'");
    for (std::int64_t i = 0; i < levels(); ++i) divide(width(i), fmt::format("level {}", i));
  }

  void check_sides(const Shape& shape) const {
    const std::int64_t unit = std::int64_t{1} << (levels() - 1);
    if (shape[2] % unit == 0 && shape[3] % unit == 0) return;
    const auto nearest = [unit](std::int64_t side) {
      return std::max(unit, (side + unit / 2) / unit * unit);
    };
    b_.fail_at("multipliers",
               fmt::format("'multipliers' has {} levels, so height and width must be divisible by {}, "
                           "but 'x' is {}; the nearest right size is {}x{}",
                           levels(), unit, to_string(shape), nearest(shape[2]), nearest(shape[3])));
  }

  void check_attention(const Shape& shape) const {
    std::vector<std::int64_t> heights;
    for (std::int64_t i = 0; i < levels(); ++i) heights.push_back(shape[2] >> i);
    for (const auto& [key, at] :
         {std::pair{"attention_at", &attention_at_}, {"attention_up_at", &attention_up_at_}})
      for (std::size_t i = 0; i < at->size(); ++i)
        if (std::count(heights.begin(), heights.end(), (*at)[i]) == 0)
          b_.fail_at(b_.parameters().has(key) ? key : "attention_at", i,
                     fmt::format("'{}' holds {}, but the levels are {} pixels high", key, (*at)[i],
                                 fmt::join(heights, ", ")));
  }

  bool has_middle_attention() const {
    return b_.parameters().flag("middle") && b_.parameters().text("middle_attention") != "none";
  }

  static bool attends(const std::vector<std::int64_t>& at, std::int64_t height) {
    return std::count(at.begin(), at.end(), height) != 0;
  }

  void check_heads(const Shape& shape) const {
    if (style_.head_channels == 0) return;  // attention itself asks whether the heads divide its channels
    const auto divides = [&](std::int64_t level) {
      const std::int64_t channels = width(level);
      if (channels % style_.head_channels != 0)
        b_.fail_at("head_channels",
                   fmt::format("'head_channels' is {}, which does not divide the {} channels of level {}",
                               style_.head_channels, channels, level));
    };
    for (std::int64_t i = 0; i < levels(); ++i)
      if (attends(attention_at_, shape[2] >> i) || attends(attention_up_at_, shape[2] >> i)) divides(i);
    if (has_middle_attention()) divides(levels() - 1);
  }

  // How many classes there are, and what they are called; 0 for none.
  void settle_classes() {
    const std::string& asked = b_.parameters().text("classes");
    classes_ =
        asked == "auto" ? static_cast<std::int64_t>(b_.known_classes().size()) : number_of_classes(asked);
    if (classes_ == 0 && asked == "auto")
      b_.fail_at("classes",
                 "'classes' is auto, but no data set of this file knows any; say how many there are");
    if (classes_ == 0 && b_.has_input("label"))
      b_.fail_at_input("label",
                       "input 'label' is wired, but the model has no classes; 'classes: auto' in its section "
                       "gives it those of the data");
    if (classes_ == 0) return;
    if (b_.training() && !b_.has_input("label"))
      b_.fail_at_input(
          "label", fmt::format("input 'label' is not wired, but the model is trained for {} classes; wire "
                               "the data set's label, by way of drop_label for guidance",
                               classes_));
    std::vector<std::string> names = b_.known_classes();
    if (static_cast<std::int64_t>(names.size()) > classes_)
      b_.fail_at("classes",
                 fmt::format("'classes' is {}, but the images are of {} classes", classes_, names.size()));
    while (static_cast<std::int64_t>(names.size()) < classes_) names.push_back(std::to_string(names.size()));
    b_.keep_classes(std::move(names));
  }

  void check_augment() const {
    const bool wired = b_.has_input("augment");
    if (augment_ == 0 && wired)
      b_.fail_at_input(
          "augment",
          fmt::format(
              "input 'augment' is wired, but the model takes no such label; 'augment: {}' in its section "
              "lets it",
              b_.spec(b_.input("augment")).shape.back()));
    if (augment_ > 0 && b_.training() && !wired)
      b_.fail_at_input(
          "augment",
          fmt::format("input 'augment' is not wired, but the model is trained for labels of {} numbers, such "
                      "as those of edm_augment",
                      augment_));
  }

  std::int64_t number_of_classes(const std::string& text) const {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > kMostClasses)
      b_.fail_at("classes", fmt::format("'classes' is {}; it must be auto or a number from 0 to {}", text,
                                        kMostClasses));
    return number;
  }

  std::int64_t time_channels() const {
    const std::int64_t asked = b_.parameters().integer("time_channels");
    return asked == 0 ? 4 * channels_ : asked;
  }

  void embed_time() {
    Wire h = b_.add("time/embedding", "time_embedding", {{"t", b_.input("t")}},
                    {{"dim", channels_}, {"order", style_.time_order}, {"freq_shift", style_.freq_shift}});
    h = labelled(h, "start");
    h = b_.add("time/linear1", "linear", {{"x", h}}, starting({{"channels", time_channels()}}, init_));
    h = b_.add("time/silu1", "silu", {{"x", h}});
    h = b_.add("time/linear2", "linear", {{"x", h}}, starting({{"channels", time_channels()}}, init_));
    h = labelled(h, "end");
    temb_ = b_.add(fmt::format("time/{}2", activation_), activation_, {{"x", h}});
  }

  // With the labels that enter at this place.
  Wire labelled(Wire h, const std::string& place) {
    if (classes_ > 0 && style_.class_at == place)
      h = b_.add("class_embedding", "class_embedding", {{"x", h}, {"label", b_.input("label")}},
                 class_settings());
    if (augment_ > 0 && style_.augment_at == place)
      h = b_.add("augment_embedding", "augment_embedding", {{"x", h}, {"label", b_.input("augment")}},
                 {{"length", augment_}});
    return h;
  }

  // Song et al. have a linear layer there, whose input is sqrt(classes) for the class and 0 for all others.
  std::map<std::string, Setting> class_settings() const {
    std::map<std::string, Setting> settings = {{"classes", classes_},
                                               {"null_class", b_.parameters().flag("null_class")}};
    if (init_ == "song")
      settings["init_std"] =
          std::sqrt(2.0 * static_cast<double>(classes_) / static_cast<double>(classes_ + channels_));
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
                   {"groups", groups()},
                   {"eps", style_.eps},
                   {"film", style_.film},
                   {"activation", activation_},
                   {"resample", resample},
                   {"resample_shortcut", style_.resample_shortcut},
                   {"group_channels", style_.group_channels},
                   {"skip_scale", in_middle ? middle_scale() : style_.skip_scale},
                   {"init", init_}});
  }

  Wire attention(const std::string& name, Wire h, bool in_middle = false) {
    if (b_.broken(h)) return h;
    const std::int64_t channels = b_.spec(h).shape[1];
    const bool norm = !in_middle || b_.parameters().text("middle_attention") == "normalised";
    const bool own_groups = in_middle && b_.parameters().has("middle_groups");
    return b_.add(name, "attention_block", {{"x", h}},
                  {{"heads", style_.head_channels > 0 ? channels / style_.head_channels : style_.heads},
                   {"groups", own_groups ? b_.parameters().integer("middle_groups") : groups()},
                   {"eps", style_.eps},
                   {"norm", norm},
                   {"group_channels", style_.group_channels},
                   {"skip_scale", in_middle ? middle_scale() : style_.skip_scale},
                   {"init", init_}});
  }

  // To half the sides of this level.
  Wire smaller(const std::string& name, Wire h, std::int64_t level) {
    const std::string& how = resample_down_[static_cast<std::size_t>(level)];
    if (how == "block") return residual(name, h, width(level), "down");
    if (how == "pool") return b_.add(name, "average_pool", {{"x", h}});
    return b_.add(name, "downsample", {{"x", h}}, {{"padding", style_.padding}, {"init", init_}});
  }

  // To twice the sides of this level.
  Wire larger(const std::string& name, Wire h, std::int64_t level) {
    const std::string& how = resample_up_[static_cast<std::size_t>(level - 1)];
    if (how == "block") return residual(name, h, width(level), "up");
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
    for (std::int64_t i = 0; i < levels(); ++i) {
      const std::string level = fmt::format("down{}", i);
      for (std::int64_t j = 0; j < blocks_; ++j)
        kept_.push_back(h = block(level, j, h, width(i), attention_at_));
      if (i + 1 < levels()) kept_.push_back(h = smaller(level + "/downsample", h, i));
    }
    return h;
  }

  Wire middle(Wire h) {
    const std::int64_t channels = widths_.back();
    h = residual("mid/block0", h, channels, "none", true);
    if (has_middle_attention()) h = attention("mid/attention", h, true);
    return residual("mid/block1", h, channels, "none", true);
  }

  Wire up(Wire h) {
    for (std::int64_t i = levels() - 1; i >= 0; --i) {
      const std::string level = fmt::format("up{}", i);
      for (std::int64_t j = 0; j <= blocks_; ++j) {
        h = b_.add(fmt::format("{}/concat{}", level, j), "concat", {{"a", h}, {"b", kept_.back()}});
        kept_.pop_back();
        const bool may_attend = style_.attention_up == "each" || j == blocks_;
        h = block(level, j, h, width(i), may_attend ? attention_up_at_ : std::vector<std::int64_t>());
      }
      if (i > 0) h = larger(level + "/upsample", h, i);
    }
    return h;
  }

  Builder& b_;
  const std::int64_t channels_;
  const std::vector<std::int64_t> widths_;  // of each level
  const std::int64_t blocks_;
  const std::vector<std::int64_t> attention_at_, attention_up_at_;
  const std::int64_t augment_;
  const std::string activation_;  // of the residual blocks
  const UNetStyle style_;
  const std::vector<std::string> resample_down_, resample_up_;  // between a level and the next
  const std::string init_;
  std::int64_t classes_ = 0;
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
      .expand = [](Builder& b) { UNet(b).build(); }};
}

}  // namespace dagfusion
