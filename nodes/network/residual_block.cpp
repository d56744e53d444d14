// residual_block: two normalised 3x3 convolutions beside a short cut; the timestep enters between them.
// He et al. 2015, arXiv:1512.03385; in this form Ho et al. 2020, arXiv:2006.11239, appendix B.
//
//   h = conv1(silu(norm1(x))) + time(temb)
//   y = conv2(dropout(silu(norm2(h)))) + shortcut(x)
//
// x: [N,Cin,H,W]; temb: [N,E], after its SiLU; y: [N,C,H,W]. The short cut is x itself when Cin = C, else a
// 1x1 convolution. The weight of conv2 starts near zero (init_scale 1e-10): at first y is the short cut.
//
// film: time(temb) has a scale and a shift for each channel (Dhariwal and Nichol 2021, arXiv:2105.05233, "AdaGN"):
//   h = conv1(silu(norm1(x))) ;  y = conv2(dropout(silu(norm2(h) * (1 + scale) + shift))) + shortcut(x)
// resample: down (average_pool) or up (nearest_upsample) changes the sides of both silu(norm1(x)) and x; with
// resample_shortcut: conv a 1x1 convolution follows on the short cut (Song et al. 2021, arXiv:2011.13456).
// activation: what stands for silu above.
// skip_scale: y is multiplied by it, so that its variance does not grow from block to block (there: sqrt(1/2)).

#include "graph/types/catalog.h"
#include "nodes/network/groups.h"
#include "nodes/network/network_init.h"

namespace dagfusion {
namespace {

// Smaller or larger sides, as `resample` says.
Wire resampled(Builder& b, const std::string& name, Wire x) {
  const std::string& how = b.parameters().text("resample");
  if (how == "none") return x;
  return b.add(name, how == "down" ? "average_pool" : "nearest_upsample", {{"x", x}});
}

void expand(Builder& b) {
  Wire x = b.input("x");
  if (b.broken(x)) return b.output("y", x);
  const Parameters& p = b.parameters();
  const Setting channels = p.integer("channels");
  const Setting kernel = std::int64_t{3};
  const std::string& init = p.text("init");
  const bool film = p.flag("film");
  const std::string& activation = p.text("activation");
  const bool silu = activation == "silu";  // which the norm applies in its own pass
  const auto activated = [&](const char* name, Wire h) {
    return silu ? h : b.add(name, activation, {{"x", h}});
  };
  if (film && !b.has_input("temb"))
    b.fail_at("film", "'film' is true, but input 'temb', which it scales and shifts by, is not wired");
  const auto norm = [&p, silu](std::int64_t of_channels) {
    return std::map<std::string, Setting>{
        {"groups", groups_of(of_channels, p.integer("groups"), p.integer("group_channels"))},
        {"eps", p.real("eps")},
        {"silu", silu}};
  };

  Wire h = b.add("norm1", "group_norm", {{"x", x}}, norm(b.spec(x).shape[1]));
  h = activated("activation1", h);
  h = resampled(b, "resample", h);
  x = resampled(b, "resample_shortcut", x);
  h = b.add("conv1", "conv2d", {{"x", h}}, starting({{"channels", channels}, {"kernel", kernel}}, init));
  Wire time = kNoWire;
  if (b.has_input("temb"))
    time = b.add("time", "linear", {{"x", b.input("temb")}},
                 starting({{"channels", p.integer("channels") * (film ? 2 : 1)}}, init));
  h = b.add("norm2", "group_norm", {{"x", h}, {film ? "film" : "shift", time}}, norm(p.integer("channels")));
  h = activated("activation2", h);
  if (p.real("dropout") > 0) h = b.add("dropout", "dropout", {{"x", h}}, {{"rate", p.real("dropout")}});

  Wire shortcut = x;
  const bool projects = p.text("resample") != "none" && p.text("resample_shortcut") == "conv";
  if (projects || b.spec(x).shape[1] != p.integer("channels")) {
    shortcut = b.add("shortcut", "conv2d", {{"x", x}},
                     starting({{"channels", channels}, {"kernel", std::int64_t{1}}}, init));
  }
  h = b.add("conv2", "conv2d", {{"x", h}, {"add", shortcut}},
            starting({{"channels", channels}, {"kernel", kernel}}, init, true));
  if (p.real("skip_scale") != 1) h = b.add("scale", "scale", {{"x", h}}, {{"factor", p.real("skip_scale")}});
  b.output("y", h);
}

}  // namespace

NodeType residual_block() {
  return {.name = "residual_block",
          .summary = "Two normalised 3x3 convolutions beside a short cut; the timestep enters between them.",
          .stands_for = {"residual_block"},
          .paper = "He et al. 2015, arXiv:1512.03385; Ho et al. 2020, arXiv:2006.11239, appendix B",
          .example = "{type: residual_block, in: {x: x, temb: temb}, channels: 64, groups: 8}",
          .role = Role::composite,
          .inputs = {{"x", "[N,I,H,W] act blocked", "feature maps"},
                     {.name = "temb",
                      .spec = "[N,E] f32",
                      .doc = "embedded timestep, after its SiLU",
                      .optional = true}},
          .outputs = {{"y", "[N,C,h,w] act blocked", "feature maps, of the sides of x but for `resample`"}},
          .parameters = {{.name = "channels",
                          .kind = Kind::integer,
                          .doc = "channels of y",
                          .required = true,
                          .minimum = 1,
                          .maximum = 65536},
                         {.name = "dropout",
                          .kind = Kind::real,
                          .doc = "share of the elements dropped before conv2",
                          .standard = 0.0,
                          .minimum = 0,
                          .maximum = 0.999},
                         {.name = "groups",
                          .kind = Kind::integer,
                          .doc = "groups of both norms; must divide the channels of x and y",
                          .standard = std::int64_t{32},
                          .minimum = 1,
                          .maximum = 65536},
                         {.name = "eps",
                          .kind = Kind::real,
                          .doc = "added to the variance in both norms",
                          .standard = 1e-6,
                          .minimum = 0,
                          .maximum = 1,
                          .above_minimum = true},
                         {.name = "film",
                          .kind = Kind::boolean,
                          .doc = "the timestep scales and shifts behind norm2, instead of a shift before it",
                          .standard = false},
                         {.name = "activation",
                          .kind = Kind::choice,
                          .doc = "behind both norms",
                          .standard = std::string("silu"),
                          .choices = {"silu", "gelu", "mish", "relu"}},
                         {.name = "resample",
                          .kind = Kind::choice,
                          .doc = "halve or double the sides before conv1, and those of the short cut",
                          .standard = std::string("none"),
                          .choices = {"none", "down", "up"}},
                         {.name = "resample_shortcut",
                          .kind = Kind::choice,
                          .doc = "of a short cut whose sides change: nothing more, or a 1x1 convolution",
                          .standard = std::string("plain"),
                          .choices = {"plain", "conv"}},
                         group_channels_parameter(),
                         skip_scale_parameter(),
                         network_init_parameter()},
          .expand = expand};
}

}  // namespace dagfusion
