// pixel_norm: brings the channels of every pixel to a root mean square of 1, then scales each channel.
// Karras et al. 2018, "Progressive Growing of GANs", arXiv:1710.10196, section 4.2; with learned weights Zhang and Sennrich
// 2019, arXiv:1910.07467, eq. 4.
//
//   xhat[n,c,p] = x[n,c,p] * r[n,p] ;  r = sqrt(C) / max(|x[n,:,p]|, 1e-12)
//   y = weight[c] * (1 + scale[n,c]) * xhat + shift[n,c]        scale and shift: the two halves of `film`, 0 where not wired
//
// x, y: [N,C,H,W]; film: [N,2C]; weight: [C], at first 1.
// Backward, with g = weight * (1 + scale) * dy:
//   dx = r * (g - xhat * (mean over c of g * xhat))
//   dweight[c] = sum over n,p of (1 + scale) * dy * xhat ;  dscale[n,c] = sum over p of weight * dy * xhat
//   dshift[n,c] = sum over p of dy

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/types/cheap_to_repeat.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

constexpr float kLeastLength = 1e-12f;

class PixelNorm final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit PixelNorm(Setup& setup) : x_(setup.input("x")), film_(setup.input("film")), y_(setup.output("y")) {
    const Shape& s = x_.spec.shape;
    images_ = s[0];
    channels_ = s[1];
    pixels_ = s[2] * s[3];
    block_ = x_.spec.block;
    blocks_ = blocks_of(channels_, block_);
    if (film_.connected() && film_.spec.shape[1] != 2 * channels_)
      setup.fail_at_input("film",
                          fmt::format("input 'film' is {}; a scale and a shift of each channel are [{},{}]",
                                      to_string(film_.spec.shape), images_, 2 * channels_));
    weight_ = setup.weight("weight", {channels_}, {.kind = Init::Kind::constant, .value = 1});
    shares_ = setup.saved("shares", {.shape = {images_, channels_}}, Span::backward_to_accumulate);
    setup.backward_reads(x_);
    if (film_.connected()) setup.backward_reads(film_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch((4 * wide() + 2 * pixels_) * static_cast<std::int64_t>(sizeof(float)));
  }

  void forward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for (std::int64_t n = 0; n < images_; ++n) {
      const float* x = call.in<float>(x_) + n * image_size();
      float* y = call.out<float>(y_) + n * image_size();
      take_factors(call, n, s);
      lengths(x, s.r);
      for_blocks([&](std::int64_t c, std::int64_t p, std::int64_t at) {
        for (int j = 0; j < block_; ++j) y[at + j] = s.factor[c + j] * s.r[p] * x[at + j] + s.shift[c + j];
      });
    }
  }

  void backward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for (std::int64_t n = 0; n < images_; ++n) {
      const float *x = call.in<float>(x_) + n * image_size(), *dy = call.d<float>(y_) + n * image_size();
      take_factors(call, n, s);
      lengths(x, s.r);
      sums_with(x, dy, s);
      give_shares(call, n, s);
      float* dx = call.d<float>(x_);
      if (!dx) continue;
      dx += n * image_size();
      for_blocks([&](std::int64_t c, std::int64_t p, std::int64_t at) {
        for (int j = 0; j < block_; ++j)
          dx[at + j] = s.r[p] * (s.factor[c + j] * dy[at + j] - x[at + j] * s.r[p] * s.mean[p]);
      });
    }
  }

  void accumulate(Call& call) const override {
    const float* shares = call.saved<float>(shares_);
    float* dweight = call.d(weight_);
    if (call.first_of_step()) std::fill_n(dweight, channels_, 0.0f);
    for (std::int64_t n = 0; n < images_; ++n)
      kernels::accumulate(shares + n * channels_, dweight, channels_);
  }

 private:
  struct Scratch {
    float *factor, *shift, *dfactor, *dshift;  // of each channel
    float *r, *mean;                           // of each pixel
  };

  std::int64_t wide() const { return blocks_ * block_; }
  std::int64_t image_size() const { return wide() * pixels_; }

  Scratch divide(std::byte* memory) const {
    auto* floats = reinterpret_cast<float*>(memory);
    float* pixels = floats + 4 * wide();
    return {floats, floats + wide(), floats + 2 * wide(), floats + 3 * wide(), pixels, pixels + pixels_};
  }

  // f(the first channel of a block, a pixel, the place of both in an image)
  template <class F>
  void for_blocks(const F& f) const {
    for (std::int64_t b = 0, at = 0; b < blocks_; ++b)
      for (std::int64_t p = 0; p < pixels_; ++p, at += block_) f(b * block_, p, at);
  }

  // weight * (1 + scale) and shift; those of channels that fill a block up are 0.
  void take_factors(const Call& call, std::int64_t n, const Scratch& s) const {
    const float* weight = call.weight(weight_);
    const float* film = film_.connected() ? call.in<float>(film_) + 2 * n * channels_ : nullptr;
    std::fill_n(s.factor, 2 * wide(), 0.0f);
    for (std::int64_t c = 0; c < channels_; ++c) {
      s.factor[c] = film ? weight[c] * (1 + film[c]) : weight[c];
      if (film) s.shift[c] = film[channels_ + c];
    }
  }

  void lengths(const float* x, float* r) const {
    std::fill_n(r, pixels_, 0.0f);
    for_blocks([&](std::int64_t, std::int64_t p, std::int64_t at) {
      for (int j = 0; j < block_; ++j) r[p] += x[at + j] * x[at + j];
    });
    const float root = std::sqrt(static_cast<float>(channels_));
    for (std::int64_t p = 0; p < pixels_; ++p) r[p] = root / std::max(std::sqrt(r[p]), kLeastLength);
  }

  // dfactor[c] = sum over p of dy * xhat, dshift[c] = sum over p of dy, mean[p] = mean over c of factor * dy * xhat
  void sums_with(const float* x, const float* dy, const Scratch& s) const {
    std::fill_n(s.dfactor, 2 * wide(), 0.0f);
    std::fill_n(s.mean, pixels_, 0.0f);
    for_blocks([&](std::int64_t c, std::int64_t p, std::int64_t at) {
      for (int j = 0; j < block_; ++j) {
        const float product = dy[at + j] * x[at + j] * s.r[p];
        s.dfactor[c + j] += product;
        s.dshift[c + j] += dy[at + j];
        s.mean[p] += s.factor[c + j] * product;
      }
    });
    for (std::int64_t p = 0; p < pixels_; ++p) s.mean[p] /= static_cast<float>(channels_);
  }

  void give_shares(Call& call, std::int64_t n, const Scratch& s) const {
    const float* film = film_.connected() ? call.in<float>(film_) + 2 * n * channels_ : nullptr;
    float* dfilm = call.d<float>(film_);
    float* share = call.saved<float>(shares_) + n * channels_;
    const float* weight = call.weight(weight_);
    for (std::int64_t c = 0; c < channels_; ++c) {
      share[c] = film ? s.dfactor[c] * (1 + film[c]) : s.dfactor[c];
      if (!dfilm) continue;
      dfilm[2 * n * channels_ + c] = s.dfactor[c] * weight[c];
      dfilm[(2 * n + 1) * channels_ + c] = s.dshift[c];
    }
  }

  Input x_, film_;
  Output y_;
  Weight weight_;
  Saved shares_;  // [N,C]: what each image adds to dweight
  std::int64_t images_ = 0, channels_ = 0, pixels_ = 0, blocks_ = 0;
  int block_ = 1;
};

}  // namespace

NodeType pixel_norm() {
  return {
      .name = "pixel_norm",
      .summary = "Brings the channels of every pixel to a root mean square of 1, then scales each channel.",
      .paper = "Karras et al. 2018, arXiv:1710.10196, section 4.2",
      .example = "{type: pixel_norm, in: x}",
      .role = Role::map,
      .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"},
                 {"film", "[N,F] f32", "scale - 1 of each channel, then a shift: F = 2C", true}},
      .outputs = {{"y", "[N,C,H,W] f32 blocked", "normalised feature maps"}},
      .create = make_node<PixelNorm>};
}

}  // namespace dagfusion
