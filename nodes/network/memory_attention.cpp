// memory_attention: attention over all pixels and over keys and values that are learned.
// Vaswani et al. 2017, arXiv:1706.03762, eq. 1; memory: Sukhbaatar et al. 2019, "Augmenting Self-attention with Persistent
// Memory", arXiv:1907.01470, eq. 9.
//
//   w[i,j] = softmax over j of (sum over c of q[c,i] * k[c,j] / sqrt(D)) ;  y[c,i] = sum over j of w[i,j] * v[c,j]
//
// q, k, v, y: [N,C,H,W]; i: the P = H*W pixels; j: the M keys in memory, then all pixels; c: the D = C/heads channels of one
// head. memory: [2,heads,M,D], keys and values, at first standard normal. It takes time in P^2; `attention`, which has no
// memory, is much the faster one.
// Backward:
//   dv[c,j] = sum over i of w[i,j] * dy[c,i] ;  dw[i,j] = sum over c of dy[c,i] * v[c,j]
//   ds = w * (dw - sum over j of w * dw) / sqrt(D) ;  dq[c,i] = sum over j of ds[i,j] * k[c,j]
//   dk[c,j] = sum over i of ds[i,j] * q[c,i]; what belongs to keys and values in memory is dmemory

#include <cmath>

#include "nodes/network/head_memory.h"

namespace dagfusion {
namespace {

constexpr auto kRows = AttentionWithMemory::Rows::things;

class MemoryAttention final : public AttentionWithMemory {
 public:
  explicit MemoryAttention(Setup& setup) : AttentionWithMemory(setup, kRows) {
    setup.multiply_adds(2 * images_ * channels_ * pixels_ * all_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch((4 * depth_ * all_ + 2 * all_) * static_cast<std::int64_t>(sizeof(float)));
  }

  void forward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      const float* q = head_of(call, q_, n, h);
      float* y = head_at(call.out<float>(y_), n, h);
      for (std::int64_t i = 0; i < pixels_; ++i) {
        weights_of(q, i, s);
        for (std::int64_t c = 0; c < depth_; ++c) y[c * pixels_ + i] = product(s.w, s.v + c * all_, all_);
      }
    });
  }

  void backward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      std::fill_n(s.dk, 2 * depth_ * all_, 0.0f);
      for (std::int64_t i = 0; i < pixels_; ++i) backward_pixel(call, n, h, i, s);
      part(call, kRows, 0, k_, n, h, s.dk);
      part(call, kRows, 1, v_, n, h, s.dv);
    });
  }

 private:
  struct Scratch {
    float *k, *v, *dk, *dv;  // [D,M+P]
    float *w, *dw;           // [M+P]: of one pixel
  };

  Scratch divide(std::byte* memory) const {
    auto* floats = reinterpret_cast<float*>(memory);
    const std::int64_t size = depth_ * all_;
    return {floats,
            floats + size,
            floats + 2 * size,
            floats + 3 * size,
            floats + 4 * size,
            floats + 4 * size + all_};
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(depth_)); }

  template <class F>
  void for_heads(const F& f) const {
    for (std::int64_t n = 0; n < images_; ++n)
      for (std::int64_t h = 0; h < heads_; ++h) f(n, h);
  }

  void take(const Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    join(call, kRows, 0, k_, n, h, s.k);
    join(call, kRows, 1, v_, n, h, s.v);
  }

  void weights_of(const float* q, std::int64_t i, const Scratch& s) const {
    std::fill_n(s.w, all_, 0.0f);
    for (std::int64_t c = 0; c < depth_; ++c)
      add_scaled(scale() * q[c * pixels_ + i], s.k + c * all_, s.w, all_);
    const float most = *std::max_element(s.w, s.w + all_);
    float sum = 0;
    for (std::int64_t j = 0; j < all_; ++j) sum += s.w[j] = std::exp(s.w[j] - most);
    for (std::int64_t j = 0; j < all_; ++j) s.w[j] /= sum;
  }

  void backward_pixel(Call& call, std::int64_t n, std::int64_t h, std::int64_t i, const Scratch& s) const {
    const float *q = head_of(call, q_, n, h), *dy = head_at(call.d<float>(y_), n, h);
    float* dq = head_at(call.d<float>(q_), n, h);
    weights_of(q, i, s);
    std::fill_n(s.dw, all_, 0.0f);
    for (std::int64_t c = 0; c < depth_; ++c) {
      add_scaled(dy[c * pixels_ + i], s.v + c * all_, s.dw, all_);
      add_scaled(dy[c * pixels_ + i], s.w, s.dv + c * all_, all_);
    }
    const float mean = product(s.w, s.dw, all_);
    for (std::int64_t j = 0; j < all_; ++j) s.dw[j] = s.w[j] * (s.dw[j] - mean) * scale();
    for (std::int64_t c = 0; c < depth_; ++c) {
      if (dq) dq[c * pixels_ + i] = product(s.dw, s.k + c * all_, all_);
      add_scaled(q[c * pixels_ + i], s.dw, s.dk + c * all_, all_);
    }
  }
};

}  // namespace

NodeType memory_attention() {
  return {.name = "memory_attention",
          .summary = "Attention over all pixels and over keys and values that are learned.",
          .stands_for = {"attention"},
          .paper = "Sukhbaatar et al. 2019, arXiv:1907.01470, eq. 9",
          .example = "{type: memory_attention, in: {q: q, k: k, v: v}, heads: 4}",
          .role = Role::map,
          .inputs = memory_attention_inputs(),
          .outputs = {{"y", "[N,C,H,W] f32", "weighted means of the values"}},
          .parameters = memory_attention_parameters(),
          .create = make_node<MemoryAttention>};
}

}  // namespace dagfusion
