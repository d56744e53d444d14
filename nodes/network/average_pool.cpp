// average_pool: the mean of each window; as it stands it halves height and width, and each pixel is the mean of four.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition", Neural Computation 1(4).
//
//   y[n,c,p,q] = (sum over r,s of x[n, c, p*stride + r - padding, q*stride + s - padding]) / count
//
// x: [N,C,H,W], zero outside; y: [N,C,P,Q], P = floor((H + 2 padding - kernel) / stride) + 1: rows that fill no window
// are left over, as in PyTorch.
// count: kernel * kernel, or with count_padding: false only those of the window that lie inside x, as TensorFlow counts
// (PyTorch's count_include_pad).
// Backward: dx[n,c,h,w] = sum over the windows that hold (h,w) of dy / count

#include "nodes/kernels/blocked.h"
#include "nodes/kernels/sums.h"
#include "nodes/network/pool.h"

namespace dagfusion {
namespace {

class AveragePool final : public Pool {
 public:
  explicit AveragePool(Setup& setup) : Pool(setup, false), count_padding_(setup.flag("count_padding")) {}

 private:
  void pool(const float* x, float* y) const override {
    const PoolShape& s = shape();
    if (halves()) {  // the gradient of repeating pixels is the sum of four
      kernels::upsample2_backward(x, y, 1, int(s.out_height), int(s.out_width), int(s.block));
      return kernels::scale(kFourth, y, y, static_cast<std::size_t>(s.out_elements()));
    }
    with_block(s.block, [&](auto block) {
      for_windows(s, [&](std::int64_t out, PoolRange rows, PoolRange columns) {
        std::array<float, decltype(block)::value> sum{};
        for (std::int64_t h = rows.first; h < rows.end; ++h)
          for (std::int64_t w = columns.first; w < columns.end; ++w)
            for (int c = 0; c < block; ++c) sum[c] += x[(h * s.width + w) * block + c];
        const float n = count(rows, columns);
        for (int c = 0; c < block; ++c) y[out * block + c] = sum[c] / n;
      });
    });
  }

  void spread(const float*, const float* dy, float* dx) const override {
    const PoolShape& s = shape();
    if (halves()) {
      kernels::upsample2(dy, dx, 1, int(s.out_height), int(s.out_width), int(s.block));
      return kernels::scale(kFourth, dx, dx, static_cast<std::size_t>(s.elements()));
    }
    std::fill_n(dx, s.elements(), 0.0f);
    for_windows(s, [&](std::int64_t out, PoolRange rows, PoolRange columns) {
      const float n = count(rows, columns);
      for (std::int64_t h = rows.first; h < rows.end; ++h)
        for (std::int64_t w = columns.first; w < columns.end; ++w)
          for (std::int64_t c = 0; c < s.block; ++c)
            dx[(h * s.width + w) * s.block + c] += dy[out * s.block + c] / n;
    });
  }

  static constexpr float kFourth = 0.25f;

  // As U-Nets pool: with vector instructions.
  bool halves() const {
    const PoolShape& s = shape();
    return s.kernel == 2 && s.stride == 2 && s.before == 0 && s.height % 2 == 0 && s.width % 2 == 0;
  }

  float count(PoolRange rows, PoolRange columns) const {
    return static_cast<float>(count_padding_ ? shape().kernel * shape().kernel
                                             : (rows.end - rows.first) * (columns.end - columns.first));
  }

  bool count_padding_;
};

}  // namespace

NodeType average_pool() {
  NodeType type = pool_type("average_pool", "The mean of each window of feature maps.",
                            "LeCun et al. 1989, Neural Computation 1(4)", make_node<AveragePool>);
  type.parameters.push_back({.name = "count_padding",
                             .kind = Kind::boolean,
                             .doc = "divide by all of a window, also by what lies outside x",
                             .standard = true});
  return type;
}

}  // namespace dagfusion
