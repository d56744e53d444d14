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

#include "nodes/kernels/softmax.h"
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
    preparation.scratch(divide(nullptr).floats * static_cast<std::int64_t>(sizeof(float)));
  }

  void forward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      multiply(turned(s.context), s.q, s.dq);
      float* y = head_at(call.out<float>(y_), n, h);
      for (std::int64_t e = 0; e < depth_; ++e) std::copy_n(s.dq.row(e), pixels_, y + e * pixels_);
    });
  }

  void backward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      backward_head(call, n, h, s);
    });
  }

 private:
  struct Scratch {
    Matrix context, dcontext;  // [D,D]
    Matrix k, v, dk, dv;       // [D,M+P]
    Matrix q, dq, dy;          // [D,P]
    Matrix turned;             // [M+P,D]
    float* pixels = nullptr;   // [P]
    std::int64_t floats = 0;
  };

  Scratch divide(std::byte* memory) const {
    Scratch s;
    const auto take = [&](std::int64_t rows, std::int64_t columns) {
      Matrix m{reinterpret_cast<float*>(memory) + s.floats, rows, columns};
      s.floats += m.size();
      return m;
    };
    s.context = take(depth_, depth_);
    s.dcontext = take(depth_, depth_);
    for (Matrix* m : {&s.k, &s.v, &s.dk, &s.dv}) *m = take(depth_, all_);
    for (Matrix* m : {&s.q, &s.dq, &s.dy}) *m = take(depth_, pixels_);
    s.turned = take(all_, depth_);
    s.pixels = take(1, pixels_).values;
    return s;
  }

  template <class F>
  void for_heads(const F& f) const {
    for (std::int64_t n = 0; n < images_; ++n)
      for (std::int64_t h = 0; h < heads_; ++h) f(n, h);
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(depth_)); }

  // q, [D,P]: softmax over its columns, which lie side by side in `turned` meanwhile.
  void softmax_of_columns(const Matrix& q, const Matrix& turned) const {
    copy_turned(as_it_is(q), turned);
    for (std::int64_t i = 0; i < pixels_; ++i) {
      kernels::softmax(1, turned.row(i), 1, depth_);
      for (std::int64_t c = 0; c < depth_; ++c) turned.row(i)[c] *= scale();
    }
    copy_turned(as_it_is(turned), q);
  }

  // Q, K, v and the context of one head.
  void take(const Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    join(call, kRows, 0, k_, n, h, s.k);
    join(call, kRows, 1, v_, n, h, s.v);
    copy_into(head_of(call, q_, n, h), pixels_, s.q);
    softmax_of_columns(s.q, {s.turned.values, pixels_, depth_});
    for (std::int64_t c = 0; c < depth_; ++c) kernels::softmax(1, s.k.row(c), 1, all_);
    copy_turned(as_it_is(s.v), s.turned);
    multiply(as_it_is(s.k), s.turned, s.context);
  }

  void backward_head(Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    copy_into(head_at(call.d<float>(y_), n, h), pixels_, s.dy);
    const Matrix of_pixels{s.turned.values, pixels_, depth_};
    copy_turned(as_it_is(s.dy), of_pixels);
    multiply(as_it_is(s.q), of_pixels, s.dcontext);
    multiply(as_it_is(s.context), s.dy, s.dq);
    multiply(as_it_is(s.dcontext), s.v, s.dk);
    multiply(turned(s.dcontext), s.k, s.dv);
    for (std::int64_t c = 0; c < depth_; ++c)
      kernels::softmax_backward(1, s.k.row(c), s.dk.row(c), s.dk.row(c), 1, all_);
    part(call, kRows, 0, k_, n, h, s.dk);
    part(call, kRows, 1, v_, n, h, s.dv);
    if (float* dq = head_at(call.d<float>(q_), n, h)) queries(s, dq);
  }

  // s.q is softmax * scale, so its gradient is s.q * (dQ - sum over c of softmax * dQ).
  void queries(const Scratch& s, float* dq) const {
    std::fill_n(s.pixels, pixels_, 0.0f);
    for (std::int64_t c = 0; c < depth_; ++c)
      for (std::int64_t i = 0; i < pixels_; ++i) s.pixels[i] += s.q.row(c)[i] * s.dq.row(c)[i] / scale();
    for (std::int64_t c = 0; c < depth_; ++c)
      for (std::int64_t i = 0; i < pixels_; ++i)
        dq[c * pixels_ + i] = s.q.row(c)[i] * (s.dq.row(c)[i] - s.pixels[i]);
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
