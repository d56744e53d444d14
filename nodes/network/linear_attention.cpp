// linear_attention: every pixel takes a mixture of a few sums over all pixels: attention in time proportional to their number.
// Shen et al. 2021, "Efficient Attention: Attention with Linear Complexities", arXiv:1812.01243, eq. 4; with memory as in
// Sukhbaatar et al. 2019, arXiv:1907.01470.
//
//   Q = softmax over c of q[c,i] / sqrt(D) ;  K = softmax over j of k[c,j]       j: the M keys in memory, then all pixels
//   context[c,e] = sum over j of K[c,j] * v[e,j] ;  y[e,i] = sum over c of context[c,e] * Q[c,i]
//
// q, k, v, y: [N,C,H,W]; i: the P = H*W pixels; c, e: the D = C/heads channels of one head.
// memory: [2,heads,D,M], keys and values, at first standard normal.
// Backward:
//   dcontext[c,e] = sum over i of dy[e,i] * Q[c,i] ;  dQ[c,i] = sum over e of context[c,e] * dy[e,i]
//   dK[c,j] = sum over e of dcontext[c,e] * v[e,j] ;  dv[e,j] = sum over c of dcontext[c,e] * K[c,j]
//   dk = K * (dK - sum over j of K * dK) ;  dq likewise over c; what belongs to keys and values in memory is dmemory

#include <cmath>

#include "nodes/network/head_memory.h"

namespace dagfusion {
namespace {

constexpr auto kRows = AttentionWithMemory::Rows::channels;

class LinearAttention final : public AttentionWithMemory {
 public:
  explicit LinearAttention(Setup& setup) : AttentionWithMemory(setup, kRows) {
    setup.multiply_adds(2 * images_ * channels_ * depth_ * all_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch((2 * depth_ * depth_ + 4 * depth_ * all_ + 2 * depth_ * pixels_ + pixels_) *
                        static_cast<std::int64_t>(sizeof(float)));
  }

  void forward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for (std::int64_t n = 0; n < images_; ++n)
      for (std::int64_t h = 0; h < heads_; ++h) {
        take(call, n, h, s);
        float* y = head_at(call.out<float>(y_), n, h);
        std::fill_n(y, depth_ * pixels_, 0.0f);
        for (std::int64_t c = 0; c < depth_; ++c)
          for (std::int64_t e = 0; e < depth_; ++e)
            add_scaled(s.context[c * depth_ + e], s.q + c * pixels_, y + e * pixels_, pixels_);
      }
  }

  void backward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for (std::int64_t n = 0; n < images_; ++n)
      for (std::int64_t h = 0; h < heads_; ++h) {
        take(call, n, h, s);
        backward_head(call, n, h, s);
      }
  }

 private:
  struct Scratch {
    float *context, *dcontext;  // [D,D]
    float *k, *v, *dk, *dv;     // [D,M+P]
    float *q, *dq, *pixels;     // [D,P]; [P]
  };

  Scratch divide(std::byte* memory) const {
    Scratch s;
    s.context = reinterpret_cast<float*>(memory);
    s.dcontext = s.context + depth_ * depth_;
    s.k = s.dcontext + depth_ * depth_;
    s.v = s.k + depth_ * all_;
    s.dk = s.v + depth_ * all_;
    s.dv = s.dk + depth_ * all_;
    s.q = s.dv + depth_ * all_;
    s.dq = s.q + depth_ * pixels_;
    s.pixels = s.dq + depth_ * pixels_;
    return s;
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(depth_)); }

  static void softmax(float* row, std::int64_t n) {
    const float most = *std::max_element(row, row + n);
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += row[i] = std::exp(row[i] - most);
    for (std::int64_t i = 0; i < n; ++i) row[i] /= sum;
  }

  // q, [D,P]: softmax over its columns.
  void softmax_of_columns(float* q, float* sums) const {
    std::fill_n(sums, pixels_, 0.0f);
    for (std::int64_t i = 0; i < pixels_; ++i) {
      float most = q[i];
      for (std::int64_t c = 1; c < depth_; ++c) most = std::max(most, q[c * pixels_ + i]);
      for (std::int64_t c = 0; c < depth_; ++c)
        sums[i] += q[c * pixels_ + i] = std::exp(q[c * pixels_ + i] - most);
    }
    for (std::int64_t c = 0; c < depth_; ++c)
      for (std::int64_t i = 0; i < pixels_; ++i) q[c * pixels_ + i] *= scale() / sums[i];
  }

  // Q, K, v and the context of one head.
  void take(const Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    join(call, kRows, 0, k_, n, h, s.k);
    join(call, kRows, 1, v_, n, h, s.v);
    std::copy_n(head_of(call, q_, n, h), depth_ * pixels_, s.q);
    softmax_of_columns(s.q, s.pixels);
    for (std::int64_t c = 0; c < depth_; ++c) {
      softmax(s.k + c * all_, all_);
      for (std::int64_t e = 0; e < depth_; ++e)
        s.context[c * depth_ + e] = product(s.k + c * all_, s.v + e * all_, all_);
    }
  }

  void backward_head(Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    const float* dy = head_at(call.d<float>(y_), n, h);
    std::fill_n(s.dk, 2 * depth_ * all_, 0.0f);
    std::fill_n(s.dq, depth_ * pixels_, 0.0f);
    for (std::int64_t c = 0; c < depth_; ++c)
      for (std::int64_t e = 0; e < depth_; ++e) {
        const float d = product(dy + e * pixels_, s.q + c * pixels_, pixels_);
        add_scaled(s.context[c * depth_ + e], dy + e * pixels_, s.dq + c * pixels_, pixels_);
        add_scaled(d, s.v + e * all_, s.dk + c * all_, all_);
        add_scaled(d, s.k + c * all_, s.dv + e * all_, all_);
      }
    for (std::int64_t c = 0; c < depth_; ++c) {
      float *k = s.k + c * all_, *dk = s.dk + c * all_;
      const float mean = product(k, dk, all_);
      for (std::int64_t j = 0; j < all_; ++j) dk[j] = k[j] * (dk[j] - mean);
    }
    part(call, kRows, 0, k_, n, h, s.dk);
    part(call, kRows, 1, v_, n, h, s.dv);
    if (float* dq = head_at(call.d<float>(q_), n, h)) queries(s, dq);
  }

  // s.q is softmax * scale, so its gradient is s.q * (dQ - sum over c of softmax * dQ).
  void queries(const Scratch& s, float* dq) const {
    std::fill_n(s.pixels, pixels_, 0.0f);
    for (std::int64_t at = 0; at < depth_ * pixels_; ++at)
      s.pixels[at % pixels_] += s.q[at] * s.dq[at] / scale();
    for (std::int64_t at = 0; at < depth_ * pixels_; ++at)
      dq[at] = s.q[at] * (s.dq[at] - s.pixels[at % pixels_]);
  }
};

}  // namespace

NodeType linear_attention() {
  return {
      .name = "linear_attention",
      .summary = "Every pixel takes a mixture of a few sums over all pixels, in time linear in their number.",
      .stands_for = {"attention"},
      .paper = "Shen et al. 2021, arXiv:1812.01243, eq. 4",
      .example = "{type: linear_attention, in: {q: q, k: k, v: v}, heads: 4}",
      .role = Role::map,
      .inputs = memory_attention_inputs(),
      .outputs = {{"y", "[N,C,H,W] f32", "mixtures of the values"}},
      .parameters = memory_attention_parameters(),
      .create = make_node<LinearAttention>};
}

}  // namespace dagfusion
