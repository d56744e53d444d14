// What average_pool and max_pool share: windows that pass over feature maps in blocks of channels, [N, C/b, H, W, b].
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <type_traits>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/network/act.h"

namespace dagfusion {

struct PoolShape {
  std::int64_t maps = 1;  // images times blocks of channels
  std::int64_t height = 1, width = 1, out_height = 1, out_width = 1;
  std::int64_t kernel = 2, stride = 2, before = 0;
  std::int64_t block = 8;

  std::int64_t elements() const { return height * width * block; }  // of a map
  std::int64_t out_elements() const { return out_height * out_width * block; }
};

// The rows or columns of x that output `at` looks at: those inside [0, size).
struct PoolRange {
  std::int64_t first, end;
};
inline PoolRange pool_range(const PoolShape& s, std::int64_t at, std::int64_t size) {
  const std::int64_t first = at * s.stride - s.before;
  return {std::max<std::int64_t>(first, 0), std::min(first + s.kernel, size)};
}

// f(output pixel, rows, columns) for every output pixel of a map.
template <class F>
void for_windows(const PoolShape& s, const F& f) {
  for (std::int64_t p = 0; p < s.out_height; ++p)
    for (std::int64_t q = 0; q < s.out_width; ++q)
      f(p * s.out_width + q, pool_range(s, p, s.height), pool_range(s, q, s.width));
}

// f(channels of a block) as a constant, so that loops over them become vector instructions.
template <class F>
void with_block(std::int64_t block, const F& f) {
  if (block == 8) return f(std::integral_constant<int, 8>());
  if (block == 16) return f(std::integral_constant<int, 16>());
  throw std::logic_error("a block of channels is 8 or 16");
}

inline std::vector<Parameter> pool_parameters() {
  constexpr double kLargest = 64;
  return {{.name = "kernel",
           .kind = Kind::integer,
           .doc = "side of the window",
           .standard = std::int64_t{2},
           .minimum = 1,
           .maximum = kLargest},
          {.name = "stride",
           .kind = Kind::integer,
           .doc = "from one window to the next",
           .standard = std::int64_t{2},
           .minimum = 1,
           .maximum = kLargest},
          {.name = "padding",
           .kind = Kind::integer,
           .doc = "rows and columns around x; at most half the kernel",
           .standard = std::int64_t{0},
           .minimum = 0,
           .maximum = kLargest / 2}};
}

// Reads them, and says what the output's shape is.
inline PoolShape read_pool(Setup& setup, const Input& x) {
  const Shape& shape = x.spec.shape;
  PoolShape s{.maps = shape[0] * blocks_of(shape[1], x.spec.block),
              .height = shape[2],
              .width = shape[3],
              .kernel = setup.integer("kernel"),
              .stride = setup.integer("stride"),
              .before = setup.integer("padding"),
              .block = x.spec.block};
  if (2 * s.before > s.kernel)
    setup.fail_at("padding",
                  fmt::format("'padding' is {}, more than half of 'kernel', {}", s.before, s.kernel));
  if (std::min(s.height, s.width) + 2 * s.before < s.kernel)
    setup.fail_at_input("x", fmt::format("'x' is {}, smaller than the window of {}x{} with its padding",
                                         to_string(shape), s.kernel, s.kernel));
  s.out_height = (s.height + 2 * s.before - s.kernel) / s.stride + 1;
  s.out_width = (s.width + 2 * s.before - s.kernel) / s.stride + 1;
  return s;
}

// Map by map, in float32: bfloat16 is rounded once, at the end.
class Pool : public DifferentiableMap {
 public:
  Pool(Setup& setup, bool backward_reads_x)
      : x_(setup.input("x")), shape_(read_pool(setup, x_)), backward_reads_x_(backward_reads_x) {
    y_ = setup.output("y", {x_.spec.shape[0], x_.spec.shape[1], shape_.out_height, shape_.out_width});
    if (backward_reads_x_) setup.backward_reads(x_);
  }

  void prepare(Preparation& preparation) override {
    const std::int64_t floats = 2 * shape_.elements() + shape_.out_elements();
    preparation.scratch(static_cast<std::size_t>(floats) * sizeof(float));
    ways_ = ways_over(shape_.maps * floats, preparation.ways);
  }

  void forward(Call& call) const override {
    for_maps([&](std::int64_t map) {
      float* wide_x = reinterpret_cast<float*>(call.scratch());
      float* wide_y = wide_x + shape_.elements();
      const float* x = floats(call.in<void>(x_), map, shape_.elements(), wide_x);
      pool(x, half() ? wide_y : call.out<float>(y_) + map * shape_.out_elements());
      if (half()) narrow(wide_y, call.out<BFloat16>(y_), map, shape_.out_elements());
    });
  }

  void backward(Call& call) const override {
    if (!call.d<void>(x_)) return;
    for_maps([&](std::int64_t map) {
      float *wide_x = reinterpret_cast<float*>(call.scratch()), *wide_dx = wide_x + shape_.elements();
      const float* x =
          backward_reads_x_ ? floats(call.in<void>(x_), map, shape_.elements(), wide_x) : nullptr;
      const float* dy = floats(call.d<void>(y_), map, shape_.out_elements(), wide_dx + shape_.elements());
      spread(x, dy, half() ? wide_dx : call.d<float>(x_) + map * shape_.elements());
      if (half()) narrow(wide_dx, call.d<BFloat16>(x_), map, shape_.elements());
    });
  }

 protected:
  // Of one map: x [H,W,b], y [P,Q,b].
  virtual void pool(const float* x, float* y) const = 0;
  virtual void spread(const float* x, const float* dy, float* dx) const = 0;  // x: null where it is not read
  const PoolShape& shape() const { return shape_; }

 private:
  bool half() const { return is_half(x_.spec); }

  template <class F>
  void for_maps(const F& f) const {
    in_runs(static_cast<std::size_t>(shape_.maps), ways_, [&](std::size_t first, std::size_t end) {
      for (std::size_t map = first; map < end; ++map) f(static_cast<std::int64_t>(map));
    });
  }

  const float* floats(const void* values, std::int64_t map, std::int64_t size, float* wide) const {
    if (!half()) return static_cast<const float*>(values) + map * size;
    kernels::widen(static_cast<const BFloat16*>(values) + map * size, wide, static_cast<std::size_t>(size));
    return wide;
  }
  static void narrow(const float* wide, BFloat16* values, std::int64_t map, std::int64_t size) {
    kernels::narrow(wide, values + map * size, static_cast<std::size_t>(size));
  }

  Input x_;
  Output y_;
  PoolShape shape_;
  bool backward_reads_x_;
  int ways_ = 1;
};

// Everything of a type but what tells it from the other: its name, what it is for, and how it is made.
inline NodeType pool_type(std::string name, std::string summary, std::string paper, Create create) {
  return {.name = name,
          .summary = std::move(summary),
          .stands_for = {"pooling", "downsampling"},
          .paper = std::move(paper),
          .example = fmt::format("{{type: {}, in: x, kernel: 3, stride: 2, padding: 1}}", name),
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] float blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,P,Q] float blocked", "a number for each window"}},
          .parameters = pool_parameters(),
          .create = std::move(create)};
}

}  // namespace dagfusion
