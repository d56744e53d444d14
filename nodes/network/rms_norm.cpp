// rms_norm: divides groups of channels of one image by their
// root mean square, then scales and shifts each channel.
// Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467, eq. 4,
// over groups as Wu and He 2018, arXiv:1803.08494.
//
//   v = x + shift[n,c]
//   xhat = v / sqrt(mean of v^2 + eps), over the C/groups channels and all pixels of a group
//   z = weight[c] * xhat + bias[c] ;  y = silu ? z * sigmoid(z) : z
//
// x, y: [N,C,H,W]; shift: [N,C], the timestep's part, when it is wired; weight, bias: [C].
// Unlike group_norm it takes no mean away.
// Backward, with m(.) the mean over a group and dz = dy, or dy through the SiLU:
//   dx = rrms * (weight * dz - xhat * m(weight * dz * xhat)), rrms = xhat / v
//   dshift[n,c] = sum of dx ;  dweight[c] = sum of dz * xhat ;  dbias[c] = sum of dz, over the pixels

#include "nodes/network/normalisation.h"

namespace dagfusion {
namespace {

class RmsNorm final : public GroupNormalisation {
 public:
  explicit RmsNorm(Setup& setup) : GroupNormalisation(setup, false) {}
};

}  // namespace

NodeType rms_norm() {
  return {.name = "rms_norm",
          .summary =
              "Divides groups of channels of one image by their root mean square, then scales and shifts "
              "each channel.",
          .stands_for = {"normalisation"},
          .paper = "Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4",
          .example = "{type: rms_norm, in: x, groups: 8, silu: true}",
          .role = Role::map,
          .inputs = normalisation_inputs(),
          .outputs = {{"y", "[N,C,H,W] float blocked", "normalised feature maps"}},
          .parameters = normalisation_parameters(
              "groups of channels that share a root mean square; must divide the channels",
              "added to the mean square"),
          .create = make_node<RmsNorm>};
}

}  // namespace dagfusion
