// group_norm: normalises groups of channels of one image, then scales and shifts each channel.
// Wu and He 2018, "Group Normalization", arXiv:1803.08494, eq. 1-5.
//
//   v = x + shift[n,c]
//   xhat = (v - mean) / sqrt(variance + eps), both over the C/groups channels and all pixels of a group
//   z = weight[c] * xhat + bias[c] ;  y = silu ? z * sigmoid(z) : z
//
// x, y: [N,C,H,W]; shift: [N,C], the timestep's part, when it is wired; weight, bias: [C].
// Backward, with m(.) the mean over a group and dz = dy, or dy through the SiLU:
//   dx = rstd * (weight * dz - m(weight * dz) - xhat * m(weight * dz * xhat))
//   dshift[n,c] = sum of dx ;  dweight[c] = sum of dz * xhat ;  dbias[c] = sum of dz, over the pixels
// The shift before and the SiLU after are done in the same passes: the layer is bound by memory.

#include "nodes/kernels/group_norm.h"

#include <fmt/format.h>

#include <algorithm>

#include "nodes/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class GroupNorm final : public Map {
 public:
  explicit GroupNorm(Setup& setup)
      : x_(setup.input("x")), shift_(setup.input("shift")), y_(setup.output("y")) {
    const Shape& shape = x_.spec.shape;
    images_ = shape[0];
    channels_ = shape[1];
    groups_ = setup.integer("groups");
    if (channels_ % groups_ != 0) {
      setup.fail_at("groups", fmt::format("'groups' is {}, which does not divide the {} channels of 'x'",
                                          groups_, channels_));
    }
    kernel_ = {.channels = static_cast<int>(channels_),
               .groups = static_cast<int>(groups_),
               .block = x_.spec.block,
               .pixels = static_cast<std::size_t>(shape[2] * shape[3]),
               .epsilon = static_cast<float>(setup.real("eps")),
               .silu = setup.flag("silu")};
    weight_ = setup.weight("weight", {channels_}, {.kind = Init::Kind::constant, .value = 1});
    bias_ = setup.weight("bias", {channels_}, {.kind = Init::Kind::constant, .value = 0});
    statistics_ = setup.saved("statistics", {.shape = {images_, 2, groups_}}, Span::forward_to_backward);
    shares_ = setup.saved("shares", {.shape = {images_, 2, channels_}}, Span::backward_to_accumulate);
    setup.backward_reads(x_);
    if (shift_.connected()) setup.backward_reads(shift_);
  }

  void prepare(Preparation& preparation) override { preparation.scratch(image_size() * sizeof(float)); }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    const float* shift = shift_.connected() ? call.in<float>(shift_) : nullptr;
    float* y = call.out<float>(y_);
    float* mean = call.saved<float>(statistics_);
    for (std::int64_t n = 0; n < images_; ++n) {
      kernels::group_norm(kernel_, x, shift, call.weight(weight_), call.weight(bias_), y, mean,
                          mean + groups_);
      x += image_size(), y += image_size(), mean += 2 * groups_;
      if (shift) shift += channels_;
    }
  }

  void backward(Call& call) const override {
    const float* x = call.in<float>(x_);
    const float* shift = shift_.connected() ? call.in<float>(shift_) : nullptr;
    const float* mean = call.saved<float>(statistics_);
    const float* dy = static_cast<const float*>(call.d(y_));
    float* dx = static_cast<float*>(call.d(x_));
    float* dshift = shift_.connected() ? static_cast<float*>(call.d(shift_)) : nullptr;
    float* dweight = call.saved<float>(shares_);
    std::fill_n(dweight, images_ * 2 * channels_, 0.0f);
    for (std::int64_t n = 0; n < images_; ++n) {
      float* dx_image = dx ? dx + n * image_size() : reinterpret_cast<float*>(call.scratch());
      kernels::group_norm_backward(kernel_, x, shift, mean, mean + groups_, call.weight(weight_),
                                   call.weight(bias_), dy, dx_image, dshift, dweight, dweight + channels_);
      x += image_size(), dy += image_size(), mean += 2 * groups_, dweight += 2 * channels_;
      if (shift) shift += channels_;
      if (dshift) dshift += channels_;
    }
  }

  // Image by image, so that the sum over a step has the same bits for every micro-batch.
  void accumulate(Call& call) const override {
    const float* shares = call.saved<float>(shares_);
    float* dweight = call.d(weight_);
    float* dbias = call.d(bias_);
    if (call.first_of_step()) {
      std::fill_n(dweight, channels_, 0.0f);
      std::fill_n(dbias, channels_, 0.0f);
    }
    for (std::int64_t n = 0; n < images_; ++n, shares += 2 * channels_) {
      kernels::accumulate(shares, dweight, channels_);
      kernels::accumulate(shares + channels_, dbias, channels_);
    }
  }

 private:
  std::size_t image_size() const { return x_.spec.stored_elements() / images_; }

  Input x_, shift_;
  Output y_;
  Weight weight_, bias_;
  Saved statistics_, shares_;  // [N, mean and rstd, groups]; [N, dweight and dbias, C]
  std::int64_t images_ = 0, channels_ = 0, groups_ = 0;
  kernels::GroupNormShape kernel_;
};

}  // namespace

NodeType group_norm() {
  return {
      .name = "group_norm",
      .summary = "Normalises groups of channels of one image, then scales and shifts each channel.",
      .role = Role::map,
      .inputs = {{"x", "[N,C,H,W] act blocked", "feature maps"},
                 {"shift", "[N,C] f32", "added to every pixel of a channel before", true}},
      .outputs = {{"y", "[N,C,H,W] act blocked", "normalised feature maps"}},
      .parameters = {{.name = "groups",
                      .kind = Kind::integer,
                      .doc = "groups of channels that share a mean and a variance; must divide the channels",
                      .standard = std::int64_t{32},
                      .minimum = 1,
                      .maximum = 65536},
                     {.name = "eps",
                      .kind = Kind::real,
                      .doc = "added to the variance: 1e-6 as Ho et al., 1e-5 as OpenAI and PyTorch",
                      .standard = 1e-6,
                      .minimum = 0,
                      .maximum = 1,
                      .above_minimum = true},
                     {.name = "silu",
                      .kind = Kind::boolean,
                      .doc = "apply SiLU to the result, in the same pass",
                      .standard = false}},
      .differentiable = true,
      .create = make_node<GroupNorm>};
}

}  // namespace dagfusion
