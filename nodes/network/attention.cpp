// attention: every pixel takes a mean of all pixels' values, weighted by how well its query fits their keys.
// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1; over the pixels of a feature map
// as in Ho et al. 2020, arXiv:2006.11239, appendix B.
//
//   w[i,j] = softmax over j of (sum over c of q[c,i] * k[c,j] / sqrt(D))
//   y[c,i] = sum over j of w[i,j] * v[c,j]
//
// q, k, v, y: [N,C,H,W]; i, j: the P = H*W pixels of an image; c: the D = C/heads channels of one head.
// Backward, with s[i,j] = sum over c of q[c,i] * k[c,j]:
//   dv[c,j] = sum over i of w[i,j] * dy[c,i]
//   dw[i,j] = sum over c of dy[c,i] * v[c,j]
//   ds[i,j] = w[i,j] * (dw[i,j] - sum over l of w[i,l] * dw[i,l]) / sqrt(D)
//   dq[c,i] = sum over j of ds[i,j] * k[c,j]
//   dk[c,j] = sum over i of ds[i,j] * q[c,i]
// In bfloat16, on cores that have its dot products, w and ds are rounded to bfloat16 in front of the products that take
// them; sums and the softmax are float32.

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/bfloat16_dots.h"
#include "nodes/kernels/blocked.h"
#include "nodes/kernels/half_attention.h"
#include "nodes/kernels/product.h"
#include "nodes/kernels/softmax.h"
#include "nodes/network/blocked_heads.h"

namespace dagfusion {
namespace {

class Attention final : public DifferentiableMap {
 public:
  explicit Attention(Setup& setup)
      : q_(setup.input("q")), k_(setup.input("k")), v_(setup.input("v")), y_(setup.output("y")) {
    const Shape& shape = q_.spec.shape;
    images_ = shape[0];
    channels_ = shape[1];
    pixels_ = shape[2] * shape[3];
    heads_ = setup.integer("heads");
    if (channels_ % heads_ != 0) {
      setup.fail_at("heads", "'heads' is " + std::to_string(heads_) + ", which does not divide the " +
                                 std::to_string(channels_) + " channels of 'q'");
    }
    block_ = q_.spec.block;
    depth_ = channels_ / heads_;
    scale_ = static_cast<float>(1 / std::sqrt(static_cast<double>(depth_)));
    row_ = filled_up(pixels_, block_) + kApart;
    group_ = filled_up(pixels_, block_) * block_ + kApart * kApart;
    layout_ = {
        .channels = channels_, .pixels = pixels_, .heads = heads_, .block = block_, .half = is_half(q_.spec)};
    // The weights are kept for backward() while they take no more memory than q, k, v and y; else they are
    // made again, which costs a quarter more in backward().
    if (setup.run().training && heads_ * pixels_ <= 4 * channels_) {
      if (by_dots()) row_ = static_cast<std::int64_t>(kernels::half_attention_row(one_head().pixels));
      kept_ = setup.saved(
          "w", {.dtype = by_dots() ? DType::bf16 : DType::f32, .shape = {images_, heads_, pixels_, row_}},
          Span::forward_to_backward);
    }
    setup.backward_reads(q_);
    setup.backward_reads(k_);
    setup.backward_reads(v_);
    setup.multiply_adds(2 * images_ * channels_ * pixels_ * pixels_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(by_dots()
                            ? kernels::half_attention_scratch(one_head())
                            : (2 * matrix_size() + transposed_size() + 5 * layout_.size()) * sizeof(float));
    ways_ = ways_over(images_ * heads_ * matrix_size(), preparation.ways);
    const auto images = static_cast<int>(images_);
    if (layout_.in_place() || by_dots())
      parts_ = std::min<std::int64_t>((ways_ + images - 1) / images, pixels_);
  }

  void forward(Call& call) const override {
    in_runs(images_ * parts_, ways_, [&](std::size_t first, std::size_t end) {
      for (auto i = static_cast<std::int64_t>(first); i < static_cast<std::int64_t>(end); ++i) {
        const Rows rows = {pixels_ * (i % parts_) / parts_, pixels_ * (i % parts_ + 1) / parts_};
        for (std::int64_t h = 0; h < heads_; ++h) forward_head(call, i / parts_, h, rows);
      }
    });
  }

  void backward(Call& call) const override {
    in_runs(images_, ways_, [&](std::size_t first, std::size_t end) {
      for (auto n = static_cast<std::int64_t>(first); n < static_cast<std::int64_t>(end); ++n)
        for (std::int64_t h = 0; h < heads_; ++h) backward_head(call, n, h);
    });
  }

 private:
  struct Scratch {
    float *w, *dw, *transposed, *head[5];
  };
  struct Rows {  // of w: the pixels that take a mean
    std::int64_t first, end;
  };

  // In bfloat16, heads of whole blocks.
  bool by_dots() const {
    return layout_.half && layout_.whole() && kernels::has_bfloat16_dots() &&
           kernels::half_attention_fits(one_head().channels, one_head().pixels, block_);
  }
  kernels::HalfAttention one_head() const {
    return {.channels = static_cast<int>(filled_up(depth_, block_)),
            .pixels = static_cast<int>(pixels_),
            .scale = scale_};
  }

  void forward_head(Call& call, std::int64_t n, std::int64_t h, Rows rows) const {
    if (by_dots()) {
      const auto in = [&](const Input& x) { return layout_.at(call.in<BFloat16>(x), n, h); };
      return kernels::half_attention_forward(
          one_head(), static_cast<int>(rows.first), static_cast<int>(rows.end), in(q_), in(k_), in(v_),
          kept<BFloat16>(call, n, h), layout_.at(call.out<BFloat16>(y_), n, h), call.scratch());
    }
    const Scratch scratch = divide(call.scratch());
    float* const there = kept<float>(call, n, h);
    float* w = there ? there : scratch.w;
    const float* q = layout_.head(call.in<void>(q_), n, h, scratch.head[0]);
    const float* k = layout_.head(call.in<void>(k_), n, h, scratch.head[1]);
    const float* v = layout_.head(call.in<void>(v_), n, h, scratch.head[2]);
    float* y = layout_.in_place() ? layout_.at(call.out<float>(y_), n, h) : scratch.head[3];
    weights(rows, q, k, scratch.transposed, w);
    rows_times(rows, w, v, y);
    if (y == scratch.head[3]) layout_.put(y, call.out<void>(y_), n, h);
  }

  void backward_head(Call& call, std::int64_t n, std::int64_t h) const {
    if (by_dots()) {
      const auto in = [&](const Input& x) { return layout_.at(call.in<BFloat16>(x), n, h); };
      const auto d = [&](const Input& x) {
        return call.d<BFloat16>(x) ? layout_.at(call.d<BFloat16>(x), n, h) : nullptr;
      };
      return kernels::half_attention_backward(one_head(), in(q_), in(k_), in(v_), kept<BFloat16>(call, n, h),
                                              layout_.at(call.d<BFloat16>(y_), n, h), d(q_), d(k_), d(v_),
                                              call.scratch());
    }
    const Scratch scratch = divide(call.scratch());
    void *dq = call.d<void>(q_), *dk = call.d<void>(k_), *dv = call.d<void>(v_);
    const float* q = layout_.head(call.in<void>(q_), n, h, scratch.head[0]);
    const float* k = layout_.head(call.in<void>(k_), n, h, scratch.head[1]);
    const float* v = layout_.head(call.in<void>(v_), n, h, scratch.head[2]);
    const float* dy = layout_.head(call.d<void>(y_), n, h, scratch.head[3]);
    const float* const there = kept<float>(call, n, h);
    const float* w = there ? there : scratch.w;
    if (!there) weights(all(), q, k, scratch.transposed, scratch.w);
    const auto write = [&](void* gradient, const auto& fill) {
      if (!gradient) return;
      float* to = layout_.in_place() ? layout_.at(static_cast<float*>(gradient), n, h) : scratch.head[4];
      fill(to);
      if (to == scratch.head[4]) layout_.put(to, gradient, n, h);
    };
    write(dv, [&](float* to) { columns_times(w, dy, to); });
    if (!dq && !dk) return;
    pixels_by_pixels(all(), dy, v, scratch.transposed, scratch.dw);
    for (std::int64_t i = 0; i < pixels_; ++i) {
      float* dw = scratch.dw + i * row_;
      kernels::softmax_backward(scale_, w + i * row_, dw, dw, 1, pixels_);
    }
    write(dq, [&](float* to) { rows_times(all(), scratch.dw, k, to); });
    write(dk, [&](float* to) { columns_times(scratch.dw, q, to); });
  }

  std::int64_t matrix_size() const { return pixels_ * row_; }
  std::int64_t transposed_size() const { return blocks_of(depth_, block_) * group_; }
  Rows all() const { return {0, pixels_}; }
  template <class T>
  T* kept(Call& call, std::int64_t n, std::int64_t h) const {
    return kept_.index >= 0 ? call.saved<T>(kept_) + (n * heads_ + h) * matrix_size() : nullptr;
  }

  Scratch divide(std::byte* memory) const {
    Scratch s;
    s.w = reinterpret_cast<float*>(memory);
    s.dw = s.w + matrix_size();
    s.head[0] = s.dw + matrix_size();
    for (int i = 1; i < 5; ++i) s.head[i] = s.head[i - 1] + layout_.size();
    s.transposed = s.head[4] + layout_.size();
    return s;
  }

  // out[i,j] = sum over c of a[c,i] * b[c,j].
  // Every b channels of b are turned over, to [P/b,b channels,b pixels].
  void pixels_by_pixels(Rows rows, const float* a, const float* b, float* transposed, float* out) const {
    const std::int64_t groups = blocks_of(depth_, block_);
    for (std::int64_t g = 0; g < groups; ++g) {
      kernels::plain_to_blocked(b + g * pixels_ * block_, transposed + g * group_, static_cast<int>(pixels_),
                                block_, block_);
    }
    kernels::product({.outer = groups,
                      .inner = block_,
                      .left_row = block_,
                      .left_outer = pixels_ * block_,
                      .left_inner = 1,
                      .right_outer = group_,
                      .right_inner = block_,
                      .out_row = row_,
                      .right_block = block_ * block_,
                      .out_block = block_},
                     rows.end - rows.first, blocks_of(pixels_, block_), block_, a + rows.first * block_,
                     transposed, out + rows.first * row_);
  }

  void weights(Rows rows, const float* q, const float* k, float* transposed, float* w) const {
    pixels_by_pixels(rows, q, k, transposed, w);
    for (std::int64_t i = rows.first; i < rows.end; ++i) kernels::softmax(scale_, w + i * row_, 1, pixels_);
  }

  // out[c,i] = sum over j of matrix[i,j] * a[c,j]
  void rows_times(Rows rows, const float* matrix, const float* a, float* out) const {
    times(rows, row_, 1, matrix, a, out);
  }
  // out[c,j] = sum over i of matrix[i,j] * a[c,i]
  void columns_times(const float* matrix, const float* a, float* out) const {
    times(all(), 1, row_, matrix, a, out);
  }

  void times(Rows rows, std::int64_t row, std::int64_t inner, const float* matrix, const float* a,
             float* out) const {
    kernels::product({.inner = pixels_,
                      .left_row = row,
                      .left_inner = inner,
                      .right_inner = block_,
                      .out_row = block_,
                      .right_block = pixels_ * block_,
                      .out_block = pixels_ * block_},
                     rows.end - rows.first, blocks_of(depth_, block_), block_, matrix + rows.first * row, a,
                     out + rows.first * block_);
  }

  // A cache line between rows: rows that are 4 KiB apart share the same few places in a cache.
  static constexpr std::int64_t kApart = 16;

  Input q_, k_, v_;
  Output y_;
  Saved kept_;  // [N,heads,P,row_]
  std::int64_t images_ = 0, channels_ = 0, pixels_ = 0, heads_ = 0, depth_ = 0;
  std::int64_t row_ = 0;    // from one row of w to the next
  std::int64_t group_ = 0;  // from one block of channels to the next, in what is turned over
  BlockedHeads layout_;
  std::int64_t parts_ = 1;  // of an image's rows, for different threads
  int block_ = 8, ways_ = 1;
  float scale_ = 1;
};

}  // namespace

NodeType attention() {
  return {
      .name = "attention",
      .summary = "Every pixel takes a mean of all pixels' values, weighted by how its query fits their keys.",
      .stands_for = {"attention"},
      .paper = "Vaswani et al. 2017, arXiv:1706.03762, eq. 1",
      .example = "{type: attention, in: {q: q, k: k, v: v}, heads: 4}",
      .role = Role::map,
      .inputs = {{"q", "[N,C,H,W] float blocked", "queries"},
                 {"k", "[N,C,H,W] float blocked", "keys"},
                 {"v", "[N,C,H,W] float blocked", "values"}},
      .outputs = {{"y", "[N,C,H,W] float blocked", "weighted means of the values"}},
      .parameters = {{.name = "heads",
                      .kind = Kind::integer,
                      .doc = "groups of channels that attend apart from each other; must divide the channels",
                      .standard = std::int64_t{1},
                      .minimum = 1,
                      .maximum = 1024}},
      .create = make_node<Attention>};
}

}  // namespace dagfusion
