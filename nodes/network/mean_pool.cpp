// mean_pool: the mean of each window.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition".
//
//   y[n,c,p,q] = (sum over r,s of x[n, c, p*stride + r - padding, q*stride + s - padding]) / count
//
// x: [N,C,H,W], zero outside; y: [N,C,P,Q], P = floor((H + 2 padding - kernel) / stride) + 1.
// count: kernel * kernel, or with count_padding: false only those of the window that lie inside x, as TensorFlow counts
// (PyTorch's count_include_pad).
// Backward: dx[n,c,h,w] = sum over the windows that hold (h,w) of dy / count

#include "nodes/network/pool.h"

namespace dagfusion {
namespace {

class MeanPool final : public DifferentiableMap {
 public:
  explicit MeanPool(Setup& setup)
      : x_(setup.input("x")), shape_(read_pool(setup, x_)), count_padding_(setup.flag("count_padding")) {
    y_ = setup.output("y", {x_.spec.shape[0], x_.spec.shape[1], shape_.out_height, shape_.out_width});
  }

  void prepare(Preparation& preparation) override {
    ways_ = ways_over(static_cast<std::int64_t>(x_.spec.stored_elements()), preparation.ways);
  }

  void forward(Call& call) const override {
    const PoolShape& s = shape_;
    for_windows(s, ways_, [&](std::int64_t map, std::int64_t out, PoolRange rows, PoolRange columns) {
      const float* x = call.in<float>(x_) + map * s.pixels() * s.block;
      float* y = call.out<float>(y_) + (map * s.out_pixels() + out) * s.block;
      std::fill_n(y, s.block, 0.0f);
      for (std::int64_t h = rows.first; h < rows.end; ++h)
        for (std::int64_t w = columns.first; w < columns.end; ++w)
          for (std::int64_t c = 0; c < s.block; ++c) y[c] += x[(h * s.width + w) * s.block + c];
      const float n = count(rows, columns);
      for (std::int64_t c = 0; c < s.block; ++c) y[c] /= n;
    });
  }

  void backward(Call& call) const override {
    float* wanted = call.d<float>(x_);
    if (!wanted) return;
    const PoolShape& s = shape_;
    std::fill_n(wanted, x_.spec.stored_elements(), 0.0f);
    for_windows(s, ways_, [&](std::int64_t map, std::int64_t out, PoolRange rows, PoolRange columns) {
      const float* dy = call.d<float>(y_) + (map * s.out_pixels() + out) * s.block;
      float* dx = wanted + map * s.pixels() * s.block;
      const float n = count(rows, columns);
      for (std::int64_t h = rows.first; h < rows.end; ++h)
        for (std::int64_t w = columns.first; w < columns.end; ++w)
          for (std::int64_t c = 0; c < s.block; ++c) dx[(h * s.width + w) * s.block + c] += dy[c] / n;
    });
  }

 private:
  float count(PoolRange rows, PoolRange columns) const {
    return static_cast<float>(count_padding_ ? shape_.kernel * shape_.kernel
                                             : (rows.end - rows.first) * (columns.end - columns.first));
  }

  Input x_;
  Output y_;
  PoolShape shape_;
  bool count_padding_;
  int ways_ = 1;
};

}  // namespace

NodeType mean_pool() {
  std::vector<Parameter> parameters = pool_parameters();
  parameters.push_back({.name = "count_padding",
                        .kind = Kind::boolean,
                        .doc = "divide by all of a window, also by what lies outside x",
                        .standard = true});
  return {.name = "mean_pool",
          .summary = "The mean of each window of feature maps.",
          .stands_for = {"pooling"},
          .paper = "LeCun et al. 1989, Neural Computation 1(4)",
          .example = "{type: mean_pool, in: x, kernel: 2, stride: 2}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,P,Q] f32 blocked", "the means"}},
          .parameters = parameters,
          .create = make_node<MeanPool>};
}

}  // namespace dagfusion
