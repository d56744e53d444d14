// attention_block: self-attention over all pixels, beside a short cut.
// Vaswani et al. 2017, arXiv:1706.03762, eq. 1; in this form Ho et al. 2020, arXiv:2006.11239, appendix B.
//
//   h = norm(x) ;  y = x + proj(attention(q(h), k(h), v(h)))
//
// x, y: [N,C,H,W]; q, k, v and proj are 1x1 convolutions. The weight of proj starts near zero
// (init_scale 1e-10): at first y is x. norm: false leaves the norm out, as some networks of diffusers do in the middle.
// skip_scale: y is multiplied by it (Song et al. 2021, arXiv:2011.13456: sqrt(1/2)).

#include "graph/types/catalog.h"
#include "nodes/network/groups.h"
#include "nodes/network/network_init.h"

namespace dagfusion {
namespace {

constexpr double kSongsScale = 0.1;  // of the variance of queries, keys and values

void expand(Builder& b) {
  const Wire x = b.input("x");
  if (b.broken(x)) return b.output("y", x);
  const Parameters& p = b.parameters();
  const Setting channels = b.spec(x).shape[1];
  const std::string& init = p.text("init");
  std::map<std::string, Setting> one_by_one =
      starting({{"channels", channels}, {"kernel", std::int64_t{1}}}, init);
  if (init == "song") one_by_one["init_scale"] = kSongsScale;

  Wire h = x;
  if (p.flag("norm"))
    h = b.add("norm", "group_norm", {{"x", x}},
              {{"groups", groups_of(b.spec(x).shape[1], p.integer("groups"), p.integer("group_channels"))},
               {"eps", p.real("eps")}});
  const Wire q = b.add("q", "conv2d", {{"x", h}}, one_by_one);
  const Wire k = b.add("k", "conv2d", {{"x", h}}, one_by_one);
  const Wire v = b.add("v", "conv2d", {{"x", h}}, one_by_one);
  const Wire mixed =
      b.add("attention", "attention", {{"q", q}, {"k", k}, {"v", v}}, {{"heads", p.integer("heads")}});
  h = b.add("proj", "conv2d", {{"x", mixed}, {"add", x}},
            starting({{"channels", channels}, {"kernel", std::int64_t{1}}}, init, true));
  if (p.real("skip_scale") != 1) h = b.add("scale", "scale", {{"x", h}}, {{"factor", p.real("skip_scale")}});
  b.output("y", h);
}

}  // namespace

NodeType attention_block() {
  return {
      .name = "attention_block",
      .summary = "Self-attention over all pixels, beside a short cut.",
      .stands_for = {"attention_block"},
      .paper = "Ho et al. 2020, arXiv:2006.11239, appendix B",
      .example = "{type: attention_block, in: x, heads: 4, groups: 8}",
      .role = Role::composite,
      .inputs = {{"x", "[N,C,H,W] act blocked", "feature maps"}},
      .outputs = {{"y", "[N,C,H,W] act blocked", "feature maps"}},
      .parameters = {{.name = "heads",
                      .kind = Kind::integer,
                      .doc = "heads of the attention; must divide the channels",
                      .standard = std::int64_t{1},
                      .minimum = 1,
                      .maximum = 1024},
                     {.name = "groups",
                      .kind = Kind::integer,
                      .doc = "groups of the norm; must divide the channels",
                      .standard = std::int64_t{32},
                      .minimum = 1,
                      .maximum = 65536},
                     {.name = "eps",
                      .kind = Kind::real,
                      .doc = "added to the variance in the norm",
                      .standard = 1e-6,
                      .minimum = 0,
                      .maximum = 1,
                      .above_minimum = true},
                     {.name = "norm", .kind = Kind::boolean, .doc = "normalise x first", .standard = true},
                     group_channels_parameter(),
                     skip_scale_parameter(),
                     network_init_parameter()},
      .expand = expand};
}

}  // namespace dagfusion
