// unet: predicts from noisy images and their timesteps, at several resolutions with skip connections between.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B.
//
//   temb = silu(linear2(silu(linear1(embedding(t)))))                       shared by all residual blocks
//   h = conv_in(x), kept;  for each level: `blocks` times block (and attention), each kept;  downsample, kept
//   h = block, attention, block
//   for each level, last first: `blocks` + 1 times block(concat(h, last kept)) (and attention);  upsample
//   y = conv_out(silu(norm_out(h)))
//
// x: [N,C,H,W], H and W divisible by 2^(levels-1); t: [N]; y: [N,out_channels,H,W]. Level i has channels *
// multipliers[i] channels and sides of H/2^i; "up1" is as large as "down1".

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class UNet {
 public:
  explicit UNet(Builder& b)
      : b_(b),
        channels_(b.parameters().integer("channels")),
        multipliers_(b.parameters().integers("multipliers")),
        blocks_(b.parameters().integer("blocks")),
        attention_at_(b.parameters().integers("attention_at")) {}

  void build() {
    const Wire x = b_.input("x");
    if (b_.broken(x)) return b_.output("y", x);
    const Shape shape = b_.spec(x).shape;
    check_multipliers();
    check_groups();
    check_sides(shape);
    check_attention(shape);
    embed_time();
    Wire h = b_.add("conv_in", "conv2d", {{"x", x}}, {{"channels", channels_}, {"kernel", std::int64_t{3}}});
    h = up(middle(down(h)));
    h = b_.add("norm_out", "group_norm", {{"x", h}}, {{"groups", groups()}, {"silu", true}});
    const std::int64_t out_channels = b_.parameters().integer("out_channels");
    b_.output("y", b_.add("conv_out", "conv2d", {{"x", h}},
                          {{"channels", out_channels == 0 ? shape[1] : out_channels},
                           {"kernel", std::int64_t{3}},
                           {"init_scale", 1e-10}}));
  }

 private:
  std::int64_t levels() const { return static_cast<std::int64_t>(multipliers_.size()); }
  std::int64_t groups() const { return b_.parameters().integer("groups"); }

  void check_multipliers() const {
    if (levels() >= 1 && levels() <= 8) return;
    b_.fail_at("multipliers", fmt::format("'multipliers' has {} levels; 1 to 8 would do", levels()));
  }

  void check_groups() const {
    const auto divide = [&](std::int64_t channels, const std::string& whose) {
      if (channels % groups() == 0) return;
      b_.fail_at("groups", fmt::format("'groups' is {}, which does not divide the {} channels of {}",
                                       groups(), channels, whose));
    };
    divide(channels_, "'conv_in'");
    for (std::int64_t i = 0; i < levels(); ++i)
      divide(channels_ * multipliers_[i], fmt::format("level {}", i));
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
    for (std::size_t i = 0; i < attention_at_.size(); ++i) {
      if (std::count(heights.begin(), heights.end(), attention_at_[i]) != 0) continue;
      b_.fail_at("attention_at", i,
                 fmt::format("'attention_at' holds {}, but the levels are {} pixels high", attention_at_[i],
                             fmt::join(heights, ", ")));
    }
  }

  void embed_time() {
    Wire h = b_.add("time/embedding", "time_embedding", {{"t", b_.input("t")}}, {{"dim", channels_}});
    h = b_.add("time/linear1", "linear", {{"x", h}}, {{"channels", 4 * channels_}});
    h = b_.add("time/silu1", "silu", {{"x", h}});
    h = b_.add("time/linear2", "linear", {{"x", h}}, {{"channels", 4 * channels_}});
    temb_ = b_.add("time/silu2", "silu", {{"x", h}});
  }

  Wire residual(const std::string& name, Wire h, std::int64_t channels) {
    return b_.add(
        name, "residual_block", {{"x", h}, {"temb", temb_}},
        {{"channels", channels}, {"dropout", b_.parameters().real("dropout")}, {"groups", groups()}});
  }

  Wire attention(const std::string& name, Wire h) {
    return b_.add(name, "attention_block", {{"x", h}},
                  {{"heads", b_.parameters().integer("heads")}, {"groups", groups()}});
  }

  // Block `number` of a level, with attention when the level's height asks for it.
  Wire block(const std::string& level, std::int64_t number, Wire h, std::int64_t channels) {
    h = residual(fmt::format("{}/block{}", level, number), h, channels);
    if (b_.broken(h)) return h;
    if (std::count(attention_at_.begin(), attention_at_.end(), b_.spec(h).shape[2]) == 0) return h;
    return attention(fmt::format("{}/attention{}", level, number), h);
  }

  Wire down(Wire h) {
    kept_.push_back(h);
    for (std::int64_t i = 0; i < levels(); ++i) {
      const std::string level = fmt::format("down{}", i);
      for (std::int64_t j = 0; j < blocks_; ++j)
        kept_.push_back(h = block(level, j, h, channels_ * multipliers_[i]));
      if (i + 1 < levels()) kept_.push_back(h = b_.add(level + "/downsample", "downsample", {{"x", h}}));
    }
    return h;
  }

  Wire middle(Wire h) {
    const std::int64_t channels = channels_ * multipliers_.back();
    h = residual("mid/block0", h, channels);
    h = attention("mid/attention", h);
    return residual("mid/block1", h, channels);
  }

  Wire up(Wire h) {
    for (std::int64_t i = levels() - 1; i >= 0; --i) {
      const std::string level = fmt::format("up{}", i);
      for (std::int64_t j = 0; j <= blocks_; ++j) {
        h = b_.add(fmt::format("{}/concat{}", level, j), "concat", {{"a", h}, {"b", kept_.back()}});
        kept_.pop_back();
        h = block(level, j, h, channels_ * multipliers_[i]);
      }
      if (i > 0) h = b_.add(level + "/upsample", "upsample", {{"x", h}});
    }
    return h;
  }

  Builder& b_;
  const std::int64_t channels_;
  const std::vector<std::int64_t> multipliers_;
  const std::int64_t blocks_;
  const std::vector<std::int64_t> attention_at_;
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
      .inputs = {{"x", "[N,C,H,W] f32", "noisy images"}, {"t", "[N] f32", "timestep of each image"}},
      .outputs = {{"y", "[N,D,H,W] act blocked", "the prediction"}},
      .parameters = {{.name = "channels",
                      .kind = Kind::integer,
                      .doc = "channels of the first level",
                      .standard = std::int64_t{32},
                      .minimum = 2,
                      .maximum = 4096},
                     {.name = "multipliers",
                      .kind = Kind::integers,
                      .doc = "channels of each level, in units of `channels`; every level halves the sides",
                      .standard = std::vector<std::int64_t>{1, 2, 2},
                      .minimum = 1,
                      .maximum = 64},
                     {.name = "blocks",
                      .kind = Kind::integer,
                      .doc = "residual blocks of each level on the way down; one more on the way up",
                      .standard = std::int64_t{2},
                      .minimum = 1,
                      .maximum = 16},
                     {.name = "attention_at",
                      .kind = Kind::integers,
                      .doc = "heights of the levels that get attention; the middle always has it",
                      .standard = std::vector<std::int64_t>{},
                      .minimum = 1},
                     {.name = "dropout",
                      .kind = Kind::real,
                      .doc = "share of the elements dropped in every residual block while training",
                      .standard = 0.0,
                      .minimum = 0,
                      .maximum = 0.999},
                     {.name = "heads",
                      .kind = Kind::integer,
                      .doc = "heads of every attention; must divide the channels there",
                      .standard = std::int64_t{1},
                      .minimum = 1,
                      .maximum = 1024},
                     {.name = "groups",
                      .kind = Kind::integer,
                      .doc = "groups of every norm; must divide the channels of every level",
                      .standard = std::int64_t{32},
                      .minimum = 1,
                      .maximum = 4096},
                     {.name = "out_channels",
                      .kind = Kind::integer,
                      .doc = "channels of the prediction; 0 = as the images have",
                      .standard = std::int64_t{0},
                      .minimum = 0,
                      .maximum = 4096}},
      .expand = [](Builder& b) { UNet(b).build(); }};
}

}  // namespace dagfusion
