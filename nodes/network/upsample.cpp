// upsample: doubles height and width by repeating pixels, then smooths with a 3x3 convolution.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B.
//
//   y = conv(nearest_upsample(x))
//
// x: [N,C,H,W]; y: [N,C,2H,2W].

#include "graph/types/catalog.h"
#include "nodes/network/network_init.h"

namespace dagfusion {
namespace {

void expand(Builder& b) {
  const Wire x = b.input("x");
  if (b.broken(x)) return b.output("y", x);
  const Wire large = b.add("nearest", "nearest_upsample", {{"x", x}});
  b.output("y", b.add("conv", "conv2d", {{"x", large}},
                      starting({{"channels", b.spec(x).shape[1]}, {"kernel", std::int64_t{3}}},
                               b.parameters().text("init"))));
}

}  // namespace

NodeType upsample() {
  return {.name = "upsample",
          .summary = "Doubles height and width by repeating pixels, then smooths with a 3x3 convolution.",
          .stands_for = {"upsampling"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, appendix B",
          .example = "{type: upsample, in: x}",
          .role = Role::composite,
          .inputs = {{"x", "[N,C,H,W] act blocked", "any feature maps"}},
          .outputs = {{"y", "[N,C,h,w] act blocked", "twice as high and wide"}},
          .parameters = {network_init_parameter()},
          .expand = expand};
}

}  // namespace dagfusion
