// max_pool: the largest value in each window.
// Riesenhuber and Poggio 1999, "Hierarchical models of object recognition in cortex".
//
//   y[n,c,p,q] = max over r,s of x[n, c, p*stride + r - padding, q*stride + s - padding]
//
// x: [N,C,H,W], only what lies inside; y: [N,C,P,Q], P = floor((H + 2 padding - kernel) / stride) + 1.
// Backward: dy goes to the first of the largest values of its window, row by row.

#include "nodes/network/pool.h"

namespace dagfusion {
namespace {

class MaxPool final : public DifferentiableMap {
 public:
  explicit MaxPool(Setup& setup) : x_(setup.input("x")), shape_(read_pool(setup, x_)) {
    y_ = setup.output("y", {x_.spec.shape[0], x_.spec.shape[1], shape_.out_height, shape_.out_width});
    setup.backward_reads(x_);
  }

  void prepare(Preparation& preparation) override {
    ways_ = ways_over(static_cast<std::int64_t>(x_.spec.stored_elements()), preparation.ways);
  }

  void forward(Call& call) const override {
    const PoolShape& s = shape_;
    for_windows(s, ways_, [&](std::int64_t map, std::int64_t out, PoolRange rows, PoolRange columns) {
      const float* x = call.in<float>(x_) + map * s.pixels() * s.block;
      float* y = call.out<float>(y_) + (map * s.out_pixels() + out) * s.block;
      std::copy_n(x + (rows.first * s.width + columns.first) * s.block, s.block, y);
      for (std::int64_t h = rows.first; h < rows.end; ++h)
        for (std::int64_t w = columns.first; w < columns.end; ++w)
          for (std::int64_t c = 0; c < s.block; ++c)
            y[c] = std::max(y[c], x[(h * s.width + w) * s.block + c]);
    });
  }

  void backward(Call& call) const override {
    float* wanted = call.d<float>(x_);
    if (!wanted) return;
    const PoolShape& s = shape_;
    std::fill_n(wanted, x_.spec.stored_elements(), 0.0f);
    for_windows(s, ways_, [&](std::int64_t map, std::int64_t out, PoolRange rows, PoolRange columns) {
      const float* x = call.in<float>(x_) + map * s.pixels() * s.block;
      const float* dy = call.d<float>(y_) + (map * s.out_pixels() + out) * s.block;
      float* dx = wanted + map * s.pixels() * s.block;
      for (std::int64_t c = 0; c < s.block; ++c) {
        std::int64_t most = (rows.first * s.width + columns.first) * s.block + c;
        for (std::int64_t h = rows.first; h < rows.end; ++h)
          for (std::int64_t w = columns.first; w < columns.end; ++w)
            if (const std::int64_t at = (h * s.width + w) * s.block + c; x[at] > x[most]) most = at;
        dx[most] += dy[c];
      }
    });
  }

 private:
  Input x_;
  Output y_;
  PoolShape shape_;
  int ways_ = 1;
};

}  // namespace

NodeType max_pool() {
  return {.name = "max_pool",
          .summary = "The largest value in each window of feature maps.",
          .stands_for = {"pooling"},
          .paper = "Riesenhuber and Poggio 1999, doi:10.1038/14819",
          .example = "{type: max_pool, in: x, kernel: 2, stride: 2}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,P,Q] f32 blocked", "the largest values"}},
          .parameters = pool_parameters(),
          .create = make_node<MaxPool>};
}

}  // namespace dagfusion
