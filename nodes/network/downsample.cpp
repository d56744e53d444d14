// downsample: halves height and width with a 3x3 convolution of stride 2.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, appendix B.
//
//   y = conv(x), padded by one row below and one column at the right, or (padding: same) on all sides, as in
//   Nichol and Dhariwal 2021, arXiv:2102.09672
//
// x: [N,C,H,W] with H and W even; y: [N,C,H/2,W/2].

#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "nodes/network/network_init.h"

namespace dagfusion {
namespace {

void expand(Builder& b) {
  const Wire x = b.input("x");
  if (b.broken(x)) return b.output("y", x);
  const Shape& shape = b.spec(x).shape;
  if (shape[2] % 2 != 0 || shape[3] % 2 != 0) {
    b.parameters().fail(
        fmt::format("'x' is {}, which cannot be halved; height and width must be even", to_string(shape)));
  }
  b.output("y", b.add("conv", "conv2d", {{"x", x}},
                      starting({{"channels", shape[1]},
                                {"kernel", std::int64_t{3}},
                                {"stride", std::int64_t{2}},
                                {"padding", b.parameters().text("padding")}},
                               b.parameters().text("init"))));
}

}  // namespace

NodeType downsample() {
  return {.name = "downsample",
          .summary = "Halves height and width with a 3x3 convolution of stride 2.",
          .stands_for = {"downsampling"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, appendix B",
          .example = "{type: downsample, in: x}",
          .role = Role::composite,
          .inputs = {{"x", "[N,C,H,W] act blocked", "height and width even"}},
          .outputs = {{"y", "[N,C,h,w] act blocked", "half as high and wide"}},
          .parameters = {{.name = "padding",
                          .kind = Kind::choice,
                          .doc = "zeros around x: below and at the right only, or on all sides",
                          .standard = std::string("end"),
                          .choices = {"end", "same"}},
                         network_init_parameter()},
          .expand = expand};
}

}  // namespace dagfusion
