// Windows that pass over feature maps in blocks of channels, [N, C/b, H, W, b], for what pools them.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"

namespace dagfusion {

struct PoolShape {
  std::int64_t maps = 1;  // images times blocks of channels
  std::int64_t height = 1, width = 1, out_height = 1, out_width = 1;
  std::int64_t kernel = 3, stride = 1, before = 0;
  std::int64_t block = 8;

  std::int64_t pixels() const { return height * width; }
  std::int64_t out_pixels() const { return out_height * out_width; }
};

// The rows or columns of x that output `at` looks at: those inside [0, size).
struct PoolRange {
  std::int64_t first, end;
};
inline PoolRange pool_range(const PoolShape& s, std::int64_t at, std::int64_t size) {
  const std::int64_t first = at * s.stride - s.before;
  return {std::max<std::int64_t>(first, 0), std::min(first + s.kernel, size)};
}

// f(map, output pixel, rows, columns) for every output of some maps, on many threads.
template <class F>
void for_windows(const PoolShape& s, int ways, const F& f) {
  in_runs(static_cast<std::size_t>(s.maps), ways, [&](std::size_t first, std::size_t end) {
    for (auto map = static_cast<std::int64_t>(first); map < static_cast<std::int64_t>(end); ++map)
      for (std::int64_t p = 0; p < s.out_height; ++p)
        for (std::int64_t q = 0; q < s.out_width; ++q)
          f(map, p * s.out_width + q, pool_range(s, p, s.height), pool_range(s, q, s.width));
  });
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

}  // namespace dagfusion
