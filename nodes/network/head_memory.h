// What attention with memory has in common: keys and values that are learned, beside those of the pixels.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {

// y += factor * x
inline void add_scaled(float factor, const float* x, float* y, std::int64_t n) {
  kernels::axpby(factor, x, 1, y, y, static_cast<std::size_t>(n));
}

// The sum of a * b, in as many partial sums as vectors have lanes.
inline float product(const float* a, const float* b, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  float sums[kLanes] = {}, rest = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) sums[j] += a[i + j] * b[i + j];
  for (; i < n; ++i) rest += a[i] * b[i];
  for (const float sum : sums) rest += sum;
  return rest;
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
            float* to) const {
    const float *memory = call.weight(memory_), *own = head_of(call, input, n, h);
    for (std::int64_t c = 0; c < depth_; ++c, to += all_) {
      for (std::int64_t m = 0; m < kept_; ++m) to[m] = memory[kept_at(rows, what, h, c, m)];
      std::copy_n(own + c * pixels_, pixels_, to + kept_);
    }
  }

  // The gradient of that.
  void part(Call& call, Rows rows, int what, const Input& input, std::int64_t n, std::int64_t h,
            const float* from) const {
    float* share = call.saved<float>(shares_) + n * 2 * heads_ * depth_ * kept_;
    float* own = head_at(call.d<float>(input), n, h);
    for (std::int64_t c = 0; c < depth_; ++c, from += all_) {
      for (std::int64_t m = 0; m < kept_; ++m) share[kept_at(rows, what, h, c, m)] = from[m];
      if (own) std::copy_n(from + kept_, pixels_, own + c * pixels_);
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
