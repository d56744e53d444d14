// linear_attention_unet: predicts from noisy images and their timesteps; attends at every resolution, mostly in linear time.
// Wang, denoising-diffusion-pytorch, https://github.com/lucidrains/denoising-diffusion-pytorch, whose Unet it is.
//
//   temb = silu(linear2(gelu(linear1(embedding(t)))))                  shared by all residual blocks
//   block(h) = h1 + shortcut(h),  h1 = silu(norm2(conv2(silu(norm1(conv1(h)) filmed by time(temb)))))
//   attends(h) = h + proj(attention(q, k, v of norm(h)));  linear_attention, with norm_out behind proj, or memory_attention
//   h = r = conv_in(x);  for each level: block, kept; attends(block), kept;  space_to_depth and a 1x1 convolution
//   h = block, attends with memory_attention, block
//   for each level, last first: block(concat(h, last kept)) twice, attends;  nearest_upsample and a 3x3 convolution
//   y = conv_out(block_out(concat(h, r)))
// The last level and the first have a 3x3 convolution, "conv", where the others change the sides.
//
// x: [N,C,H,W], H and W divisible by 2^(levels-1); t: [N]; y: [N,out_channels,H,W]. Norms are pixel_norm: behind the
// convolutions, over the channels of each pixel.

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/network/network_init.h"

namespace dagfusion {
namespace {

class LinearAttentionUNet {
 public:
  explicit LinearAttentionUNet(Builder& b)
      : b_(b),
        channels_(b.parameters().integer("channels")),
        multipliers_(b.parameters().integers("multipliers")),
        full_attention_at_(b.parameters().integers("full_attention_at")) {}

  void build() {
    const Wire x = b_.input("x");
    if (b_.broken(x)) return b_.output("y", x);
    const Shape shape = b_.spec(x).shape;
    check_sides(shape);
    check_attention(shape);
    embed_time();
    Wire h = conv("conv_in", x, channels_, 7);
    const Wire first = h;
    h = up(middle(down(h)));
    h = residual("block_out", b_.add("concat_out", "concat", {{"a", h}, {"b", first}}), channels_);
    const std::int64_t out_channels = b_.parameters().integer("out_channels");
    b_.output("y", conv("conv_out", h, out_channels == 0 ? shape[1] : out_channels, 1));
  }

 private:
  std::int64_t levels() const { return static_cast<std::int64_t>(multipliers_.size()); }
  // What goes into a level, and what comes out of it on the way down.
  std::int64_t width_into(std::int64_t level) const {
    return level == 0 ? channels_ : channels_ * multipliers_[static_cast<std::size_t>(level - 1)];
  }
  std::int64_t width_out_of(std::int64_t level) const { return width_into(level + 1); }

  void check_sides(const Shape& shape) const {
    if (levels() < 1 || levels() > 8)
      b_.fail_at("multipliers", fmt::format("'multipliers' has {} levels; 1 to 8 would do", levels()));
    const std::int64_t unit = std::int64_t{1} << (levels() - 1);
    if (shape[2] % unit != 0 || shape[3] % unit != 0)
      b_.fail_at("multipliers",
                 fmt::format("'multipliers' has {} levels, so height and width must be divisible by {}, but "
                             "'x' is {}",
                             levels(), unit, to_string(shape)));
  }

  void check_attention(const Shape& shape) const {
    std::vector<std::int64_t> heights;
    for (std::int64_t i = 0; i < levels(); ++i) heights.push_back(shape[2] >> i);
    for (std::size_t i = 0; i < full_attention_at_.size(); ++i)
      if (std::count(heights.begin(), heights.end(), full_attention_at_[i]) == 0)
        b_.fail_at("full_attention_at", i,
                   fmt::format("'full_attention_at' holds {}, but the levels are {} pixels high",
                               full_attention_at_[i], fmt::join(heights, ", ")));
  }

  Wire conv(const std::string& name, Wire x, std::int64_t channels, std::int64_t kernel, bool bias = true) {
    return b_.add(name, "conv2d", {{"x", x}},
                  starting({{"channels", channels}, {"kernel", kernel}, {"bias", bias}}, "pytorch"));
  }
  Wire linear(const std::string& name, Wire x, std::int64_t channels) {
    return b_.add(name, "linear", {{"x", x}}, starting({{"channels", channels}}, "pytorch"));
  }

  void embed_time() {
    Wire h = b_.add("time/embedding", "time_embedding", {{"t", b_.input("t")}}, {{"dim", channels_}});
    h = b_.add("time/gelu", "gelu", {{"x", linear("time/linear1", h, 4 * channels_)}});
    temb_ = b_.add("time/silu", "silu", {{"x", linear("time/linear2", h, 4 * channels_)}});
  }

  Wire residual(const std::string& name, Wire x, std::int64_t channels) {
    if (b_.broken(x)) return x;
    const Wire film = linear(name + "/time", temb_, 2 * channels);
    Wire h = conv(name + "/conv1", x, channels, 3);
    h = b_.add(name + "/norm1", "pixel_norm", {{"x", h}, {"film", film}});
    h = b_.add(name + "/silu1", "silu", {{"x", h}});
    if (const double rate = b_.parameters().real("dropout"); rate > 0)
      h = b_.add(name + "/dropout", "dropout", {{"x", h}}, {{"rate", rate}});
    h = b_.add(name + "/norm2", "pixel_norm", {{"x", conv(name + "/conv2", h, channels, 3)}});
    h = b_.add(name + "/silu2", "silu", {{"x", h}});
    const bool same = b_.spec(x).shape[1] == channels;
    return b_.add(name + "/add", "add",
                  {{"a", h}, {"b", same ? x : conv(name + "/shortcut", x, channels, 1)}});
  }

  // At this place in the network: "down0".
  Wire attends(const std::string& place, Wire x, bool linear_time) {
    if (b_.broken(x)) return x;
    const std::string name = place + (linear_time ? "/linear_attention" : "/attention");
    const std::int64_t heads = b_.parameters().integer("heads"), channels = b_.spec(x).shape[1],
                       inside = heads * b_.parameters().integer("head_channels");
    Wire h = b_.add(name + "/norm", "pixel_norm", {{"x", x}});
    const Wire q = conv(name + "/q", h, inside, 1, false), k = conv(name + "/k", h, inside, 1, false),
               v = conv(name + "/v", h, inside, 1, false);
    h = b_.add(name + "/attention", linear_time ? "linear_attention" : "memory_attention",
               {{"q", q}, {"k", k}, {"v", v}},
               {{"heads", heads}, {"memory", b_.parameters().integer("memory")}});
    h = conv(name + "/proj", h, channels, 1);
    if (linear_time) h = b_.add(name + "/norm_out", "pixel_norm", {{"x", h}});
    return b_.add(name + "/add", "add", {{"a", h}, {"b", x}});
  }

  bool in_linear_time(std::int64_t level, Wire h) const {
    if (full_attention_at_.empty()) return level + 1 < levels();
    return std::count(full_attention_at_.begin(), full_attention_at_.end(), b_.spec(h).shape[2]) == 0;
  }

  Wire down(Wire h) {
    for (std::int64_t i = 0; i < levels(); ++i) {
      const std::string level = fmt::format("down{}", i);
      kept_.push_back(h = residual(level + "/block0", h, width_into(i)));
      h = residual(level + "/block1", h, width_into(i));
      if (b_.broken(h)) return h;
      kept_.push_back(h = attends(level, h, in_linear_time(i, h)));
      if (i + 1 == levels()) return conv(level + "/conv", h, width_out_of(i), 3);
      h = b_.add(level + "/downsample/squares", "space_to_depth", {{"x", h}});
      h = conv(level + "/downsample/conv", h, width_out_of(i), 1);
    }
    return h;
  }

  Wire middle(Wire h) {
    h = residual("mid/block0", h, width_into(levels()));
    return residual("mid/block1", attends("mid", h, false), width_into(levels()));
  }

  Wire with_kept(const std::string& name, Wire h) {
    h = b_.add(name, "concat", {{"a", h}, {"b", kept_.back()}});
    kept_.pop_back();
    return h;
  }

  Wire up(Wire h) {
    for (std::int64_t i = levels() - 1; i >= 0; --i) {
      const std::string level = fmt::format("up{}", i);
      if (b_.broken(h)) return h;
      h = residual(level + "/block0", with_kept(level + "/concat0", h), width_out_of(i));
      h = residual(level + "/block1", with_kept(level + "/concat1", h), width_out_of(i));
      if (b_.broken(h)) return h;
      h = attends(level, h, in_linear_time(i, h));
      if (i == 0) return conv(level + "/conv", h, width_into(i), 3);
      h = b_.add(level + "/upsample/nearest", "nearest_upsample", {{"x", h}});
      h = conv(level + "/upsample/conv", h, width_into(i), 3);
    }
    return h;
  }

  Builder& b_;
  const std::int64_t channels_;
  const std::vector<std::int64_t> multipliers_, full_attention_at_;
  Wire temb_;
  std::vector<Wire> kept_;
};

}  // namespace

NodeType linear_attention_unet() {
  return {
      .name = "linear_attention_unet",
      .summary =
          "Predicts from noisy images and timesteps; attends at every resolution, mostly in linear time.",
      .stands_for = {"model"},
      .paper = "Wang 2020, https://github.com/lucidrains/denoising-diffusion-pytorch",
      .example = "{type: linear_attention_unet, in: {x: xt, t: t}, channels: 16, multipliers: [1, 2]}",
      .role = Role::composite,
      .inputs = {{"x", "[N,C,H,W] f32", "noisy images"}, {"t", "[N] f32", "timestep of each image"}},
      .outputs = {{"y", "[N,D,H,W] act blocked", "the prediction"}},
      .parameters =
          {{.name = "channels",
            .kind = Kind::integer,
            .doc = "channels of the first convolution, even",
            .standard = std::int64_t{64},
            .minimum = 4,
            .maximum = 4096},
           {.name = "multipliers",
            .kind = Kind::integers,
            .doc = "channels that each level gives to the next, in units of `channels`",
            .standard = std::vector<std::int64_t>{1, 2, 4, 8},
            .minimum = 1,
            .maximum = 64},
           {.name = "full_attention_at",
            .kind = Kind::integers,
            .doc = "heights of the levels whose attention compares all pixels; the last level's when empty",
            .standard = std::vector<std::int64_t>{},
            .minimum = 1},
           {.name = "heads",
            .kind = Kind::integer,
            .doc = "heads of every attention",
            .standard = std::int64_t{4},
            .minimum = 1,
            .maximum = 1024},
           {.name = "head_channels",
            .kind = Kind::integer,
            .doc = "channels of a head",
            .standard = std::int64_t{32},
            .minimum = 1,
            .maximum = 4096},
           {.name = "memory",
            .kind = Kind::integer,
            .doc = "keys and values that every attention learns, beside those of the pixels",
            .standard = std::int64_t{4},
            .minimum = 1,
            .maximum = 1024},
           {.name = "dropout",
            .kind = Kind::real,
            .doc = "share of the elements dropped in every residual block while training",
            .standard = 0.0,
            .minimum = 0,
            .maximum = 0.999},
           {.name = "out_channels",
            .kind = Kind::integer,
            .doc = "channels of the prediction; 0 = as the images have",
            .standard = std::int64_t{0},
            .minimum = 0,
            .maximum = 4096}},
      .expand = [](Builder& b) { LinearAttentionUNet(b).build(); }};
}

}  // namespace dagfusion
