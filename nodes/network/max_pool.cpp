// max_pool: the largest value in each window.
// Riesenhuber and Poggio 1999, "Hierarchical models of object recognition in cortex", doi:10.1038/14819.
//
//   y[n,c,p,q] = max over r,s of x[n, c, p*stride + r - padding, q*stride + s - padding]
//
// x: [N,C,H,W], only what lies inside; y: [N,C,P,Q], P = floor((H + 2 padding - kernel) / stride) + 1.
// Backward: dy goes to the first of the largest values of its window, row by row.

#include "nodes/network/pool.h"

namespace dagfusion {
namespace {

class MaxPool final : public Pool {
 public:
  explicit MaxPool(Setup& setup) : Pool(setup, true) {}

 private:
  void pool(const float* x, float* y) const override {
    const PoolShape& s = shape();
    with_block(s.block, [&](auto block) {
      for_windows(s, [&](std::int64_t out, PoolRange rows, PoolRange columns) {
        std::array<float, decltype(block)::value> most;
        std::copy_n(x + (rows.first * s.width + columns.first) * block, block, most.begin());
        for (std::int64_t h = rows.first; h < rows.end; ++h)
          for (std::int64_t w = columns.first; w < columns.end; ++w)
            for (int c = 0; c < block; ++c) most[c] = std::max(most[c], x[(h * s.width + w) * block + c]);
        std::copy_n(most.begin(), block, y + out * block);
      });
    });
  }

  void spread(const float* x, const float* dy, float* dx) const override {
    const PoolShape& s = shape();
    std::fill_n(dx, s.elements(), 0.0f);
    for_windows(s, [&](std::int64_t out, PoolRange rows, PoolRange columns) {
      for (std::int64_t c = 0; c < s.block; ++c) {
        std::int64_t most = (rows.first * s.width + columns.first) * s.block + c;
        for (std::int64_t h = rows.first; h < rows.end; ++h)
          for (std::int64_t w = columns.first; w < columns.end; ++w)
            if (const std::int64_t at = (h * s.width + w) * s.block + c; x[at] > x[most]) most = at;
        dx[most] += dy[out * s.block + c];
      }
    });
  }
};

}  // namespace

NodeType max_pool() {
  return pool_type("max_pool", "The largest value in each window of feature maps.",
                   "Riesenhuber and Poggio 1999, doi:10.1038/14819", make_node<MaxPool>);
}

}  // namespace dagfusion
