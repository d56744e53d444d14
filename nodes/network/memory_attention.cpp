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

#include "nodes/kernels/softmax.h"
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
    preparation.scratch(divide(nullptr).floats * static_cast<std::int64_t>(sizeof(float)));
  }

  void forward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      copy_turned(as_it_is(s.v), s.turned);
      float* y = head_at(call.out<float>(y_), n, h);
      for_tiles(s, [&](std::int64_t first, const Scratch& tile) {
        weights_of(head_of(call, q_, n, h) + first, tile);
        multiply(as_it_is(tile.w), s.turned, tile.of_pixels);
        put_turned(tile.of_pixels, y + first);
      });
    });
  }

  void backward(Call& call) const override {
    const Scratch s = divide(call.scratch());
    for_heads([&](std::int64_t n, std::int64_t h) {
      take(call, n, h, s);
      copy_turned(as_it_is(s.k), s.turned);
      std::fill_n(s.dk.values, s.dk.size(), 0.0f);
      std::fill_n(s.dv.values, s.dv.size(), 0.0f);
      for_tiles(s, [&](std::int64_t first, const Scratch& tile) { backward_tile(call, n, h, first, tile); });
      part(call, kRows, 0, k_, n, h, s.dk);
      part(call, kRows, 1, v_, n, h, s.dv);
    });
  }

 private:
  static constexpr std::int64_t kTile = 64;  // pixels whose weights are there at once

  struct Scratch {
    Matrix k, v, dk, dv;  // [D,M+P]
    Matrix turned;        // [M+P,D]: v, or k
    Matrix w, dw;         // [pixels,M+P]
    Matrix of_pixels;     // [pixels,D]
    std::int64_t floats = 0;
  };

  Scratch divide(std::byte* memory) const {
    Scratch s;
    const auto take = [&](std::int64_t rows, std::int64_t columns) {
      Matrix m{reinterpret_cast<float*>(memory) + s.floats, rows, columns};
      s.floats += m.size();
      return m;
    };
    for (Matrix* m : {&s.k, &s.v, &s.dk, &s.dv}) *m = take(depth_, all_);
    s.turned = take(all_, depth_);
    const std::int64_t pixels = std::min(kTile, pixels_);
    s.w = take(pixels, all_);
    s.dw = take(pixels, all_);
    s.of_pixels = take(pixels, depth_);
    return s;
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(depth_)); }

  template <class F>
  void for_heads(const F& f) const {
    for (std::int64_t n = 0; n < images_; ++n)
      for (std::int64_t h = 0; h < heads_; ++h) f(n, h);
  }

  // f(first pixel, the scratch with as many rows as the tile has)
  template <class F>
  void for_tiles(Scratch s, const F& f) const {
    for (std::int64_t first = 0; first < pixels_; first += kTile) {
      s.w.rows = s.dw.rows = s.of_pixels.rows = std::min(kTile, pixels_ - first);
      f(first, s);
    }
  }

  void take(const Call& call, std::int64_t n, std::int64_t h, const Scratch& s) const {
    join(call, kRows, 0, k_, n, h, s.k);
    join(call, kRows, 1, v_, n, h, s.v);
  }

  // Feature maps of these pixels as a left factor, with a row for each pixel; or for each channel.
  Factor pixel_rows(const float* maps) const { return {maps, 1, pixels_}; }
  Factor channel_rows(const float* maps) const { return {maps, pixels_, 1}; }

  void put_turned(const Matrix& from, float* maps) const {
    for (std::int64_t i = 0; i < from.rows; ++i)
      for (std::int64_t c = 0; c < depth_; ++c) maps[c * pixels_ + i] = from.row(i)[c];
  }

  void weights_of(const float* q, const Scratch& tile) const {
    multiply(pixel_rows(q), tile.k, tile.w);
    for (std::int64_t i = 0; i < tile.w.rows; ++i) kernels::softmax(scale(), tile.w.row(i), 1, all_);
  }

  void backward_tile(Call& call, std::int64_t n, std::int64_t h, std::int64_t first,
                     const Scratch& tile) const {
    const float *q = head_of(call, q_, n, h) + first, *dy = head_at(call.d<float>(y_), n, h) + first;
    float* dq = head_at(call.d<float>(q_), n, h);
    weights_of(q, tile);
    multiply(channel_rows(dy), tile.w, tile.dv, kernels::Into::add);
    multiply(pixel_rows(dy), tile.v, tile.dw);
    for (std::int64_t i = 0; i < tile.w.rows; ++i)
      kernels::softmax_backward(scale(), tile.w.row(i), tile.dw.row(i), tile.dw.row(i), 1, all_);
    multiply(channel_rows(q), tile.dw, tile.dk, kernels::Into::add);
    if (!dq) return;
    multiply(as_it_is(tile.dw), tile.turned, tile.of_pixels);
    put_turned(tile.of_pixels, dq + first);
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
