// group_norm: normalises groups of channels of one image, then scales and shifts each channel.
// Wu and He 2018, "Group Normalization", arXiv:1803.08494, eq. 1-5.
//
//   v = x + shift[n,c]
//   xhat = (v - mean) / sqrt(variance + eps), both over the C/groups channels and all pixels of a group
//   z = (weight[c] * xhat + bias[c]) * (1 + film[n,c]) + film[n,C+c] ;  y = silu ? z * sigmoid(z) : z
//
// x, y: [N,C,H,W]; weight, bias: [C]. The timestep's part, when it is wired: shift: [N,C]; film: [N,2C], a scale and a
// shift behind the normalisation (Perez et al. 2017, "FiLM", arXiv:1709.07871; Dhariwal and Nichol 2021, arXiv:2105.05233).
// Backward, with m(.) the mean over a group and dz = dy, or dy through the SiLU:
//   dx = rstd * (weight * dz - m(weight * dz) - xhat * m(weight * dz * xhat))
//   dshift[n,c] = sum of dx ;  dweight[c] = sum of dz * xhat ;  dbias[c] = sum of dz, over the pixels
// With film, weight and bias above are those times 1 + film[n,c], their gradients too, and
//   dfilm[n,c] = weight[c] * sum of dz * xhat + bias[c] * sum of dz ;  dfilm[n,C+c] = sum of dz

#include "nodes/network/normalisation.h"

namespace dagfusion {
namespace {

class GroupNorm final : public GroupNormalisation {
 public:
  explicit GroupNorm(Setup& setup) : GroupNormalisation(setup, true) {}
};

}  // namespace

NodeType group_norm() {
  return {.name = "group_norm",
          .summary = "Normalises groups of channels of one image, then scales and shifts each channel.",
          .stands_for = {"normalisation"},
          .paper = "Wu, He 2018, arXiv:1803.08494, eq. 1-5",
          .example = "{type: group_norm, in: x, groups: 8}",
          .role = Role::map,
          .inputs = normalisation_inputs(),
          .outputs = {{"y", "[N,C,H,W] float blocked", "normalised feature maps"}},
          .parameters = normalisation_parameters(
              "groups of channels that share a mean and a variance; must divide the channels",
              "added to the variance: 1e-6 as Ho et al., 1e-5 as OpenAI and PyTorch"),
          .create = make_node<GroupNorm>};
}

}  // namespace dagfusion
