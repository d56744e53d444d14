// What attention with memory has in common: keys and values that are learned, beside those of the pixels.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/kernels/product.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {

// A matrix whose rows are filled up to whole vectors, so that products need not pack it.
struct Matrix {
  static constexpr std::int64_t kVector = 8;  // numbers
  static std::int64_t filled(std::int64_t columns) { return (columns + kVector - 1) / kVector * kVector; }

  float* values = nullptr;
  std::int64_t rows = 0, columns = 0;  // without what fills them up
  std::int64_t step() const { return filled(columns); }
  float* row(std::int64_t r) const { return values + r * step(); }
  std::int64_t size() const { return rows * step(); }
};

// A left factor as it lies anywhere: number k of row m at m * row + k * inner.
struct Factor {
  const float* values;
  std::int64_t row, inner;
};
inline Factor as_it_is(const Matrix& m) { return {m.values, m.step(), 1}; }
inline Factor turned(const Matrix& m) { return {m.values, 1, m.step()}; }

// out = left * right, of as many rows as `out` has.
inline void multiply(const Factor& left, const Matrix& right, const Matrix& out,
                     kernels::Into into = kernels::Into::overwrite) {
  kernels::product({.inner = right.rows,
                    .left_row = left.row,
                    .left_inner = left.inner,
                    .right_inner = right.step(),
                    .out_row = out.step(),
                    .right_block = Matrix::kVector,
                    .out_block = Matrix::kVector},
                   out.rows, right.step() / Matrix::kVector, Matrix::kVector, left.values, right.values,
                   out.values, into);
}

// Numbers in rows of their own length; what fills rows up becomes 0.
inline void copy_into(const float* from, std::int64_t step, const Matrix& to) {
  for (std::int64_t r = 0; r < to.rows; ++r) {
    std::copy_n(from + r * step, to.columns, to.row(r));
    std::fill(to.row(r) + to.columns, to.row(r) + to.step(), 0.0f);
  }
}
// Row r of `to` is column r of `from`; a few columns of `to` at once, so that both are read and written in runs.
inline void copy_turned(const Factor& from, const Matrix& to) {
  for (std::int64_t first = 0; first < to.step(); first += Matrix::kVector)
    for (std::int64_t r = 0; r < to.rows; ++r)
      for (std::int64_t c = first; c < first + Matrix::kVector; ++c)
        to.row(r)[c] = c < to.columns ? from.values[c * from.row + r * from.inner] : 0.0f;
}

// Works head by head: q, k, v and y of a head are [D,P].
class AttentionWithMemory : public DifferentiableMap {
 public:
  // Whether the memory is [2,heads,M,D], with a row for each thing kept, or [2,heads,D,M].
  enum class Rows { things, channels };

  void accumulate(Call& call) const final {
    float* dmemory = call.d(memory_);
    const std::int64_t size = 2 * heads_ * depth_ * kept_;
    if (call.first_of_step()) std::fill_n(dmemory, size, 0.0f);
    for (std::int64_t n = 0; n < images_; ++n)
      kernels::accumulate(call.saved<float>(shares_) + n * size, dmemory, static_cast<std::size_t>(size));
  }

 protected:
  AttentionWithMemory(Setup& setup, Rows rows)
      : q_(setup.input("q")), k_(setup.input("k")), v_(setup.input("v")), y_(setup.output("y")) {
    const Shape& s = q_.spec.shape;
    images_ = s[0];
    channels_ = s[1];
    pixels_ = s[2] * s[3];
    heads_ = setup.integer("heads");
    kept_ = setup.integer("memory");
    if (channels_ % heads_ != 0)
      setup.fail_at("heads", fmt::format("'heads' is {}, which does not divide the {} channels of 'q'",
                                         heads_, channels_));
    depth_ = channels_ / heads_;
    all_ = kept_ + pixels_;
    const Shape shape =
        rows == Rows::things ? Shape{2, heads_, kept_, depth_} : Shape{2, heads_, depth_, kept_};
    memory_ = setup.weight("memory", shape, {Init::Kind::normal, 1});
    shares_ =
        setup.saved("shares", {.shape = {images_, 2, heads_, depth_, kept_}}, Span::backward_to_accumulate);
    for (const Input* input : {&q_, &k_, &v_}) setup.backward_reads(*input);
  }

  // Place of number m of channel c in the memory of head h: keys, or values.
  std::int64_t kept_at(Rows rows, int what, std::int64_t h, std::int64_t c, std::int64_t m) const {
    const std::int64_t head = (what * heads_ + h) * depth_ * kept_;
    return rows == Rows::things ? head + m * depth_ + c : head + c * kept_ + m;
  }

  const float* head_of(const Call& call, const Input& input, std::int64_t n, std::int64_t h) const {
    return call.in<float>(input) + (n * channels_ + h * depth_) * pixels_;
  }
  template <class T>
  T* head_at(T* values, std::int64_t n, std::int64_t h) const {
    return values ? values + (n * channels_ + h * depth_) * pixels_ : nullptr;
  }

  // [D,M+P]: what is kept, then the pixels'.
  void join(const Call& call, Rows rows, int what, const Input& input, std::int64_t n, std::int64_t h,
            const Matrix& to) const {
    const float *memory = call.weight(memory_), *own = head_of(call, input, n, h);
    for (std::int64_t c = 0; c < depth_; ++c) {
      for (std::int64_t m = 0; m < kept_; ++m) to.row(c)[m] = memory[kept_at(rows, what, h, c, m)];
      std::copy_n(own + c * pixels_, pixels_, to.row(c) + kept_);
      std::fill(to.row(c) + all_, to.row(c) + to.step(), 0.0f);
    }
  }

  // The gradient of that.
  void part(Call& call, Rows rows, int what, const Input& input, std::int64_t n, std::int64_t h,
            const Matrix& from) const {
    float* share = call.saved<float>(shares_) + n * 2 * heads_ * depth_ * kept_;
    float* own = head_at(call.d<float>(input), n, h);
    for (std::int64_t c = 0; c < depth_; ++c) {
      for (std::int64_t m = 0; m < kept_; ++m) share[kept_at(rows, what, h, c, m)] = from.row(c)[m];
      if (own) std::copy_n(from.row(c) + kept_, pixels_, own + c * pixels_);
    }
  }

  Input q_, k_, v_;
  Output y_;
  Weight memory_;
  Saved shares_;  // of each image, what it adds to the gradient of the memory
  std::int64_t images_ = 0, channels_ = 0, pixels_ = 0, heads_ = 0, depth_ = 0;
  std::int64_t kept_ = 0, all_ = 0;  // keys in memory; with those of the pixels
};

inline std::vector<Port> memory_attention_inputs() {
  return {
      {"q", "[N,C,H,W] f32", "queries"}, {"k", "[N,C,H,W] f32", "keys"}, {"v", "[N,C,H,W] f32", "values"}};
}

inline std::vector<Parameter> memory_attention_parameters() {
  return {{.name = "heads",
           .kind = Kind::integer,
           .doc = "groups of channels that attend apart from each other; must divide the channels",
           .standard = std::int64_t{4},
           .minimum = 1,
           .maximum = 1024},
          {.name = "memory",
           .kind = Kind::integer,
           .doc = "keys and values that are learned, beside those of the pixels",
           .standard = std::int64_t{4},
           .minimum = 1,
           .maximum = 1024}};
}

}  // namespace dagfusion
