// average_pool: halves height and width; each pixel is the mean of four.
//
//   y[n,c,i,j] = (x[n,c,2i,2j] + x[n,c,2i,2j+1] + x[n,c,2i+1,2j] + x[n,c,2i+1,2j+1]) / 4
//   dx[n,c,i,j] = dy[n,c,i/2,j/2] / 4
//
// x: [N,C,H,W] with H and W even; y: [N,C,H/2,W/2].

#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/blocked.h"
#include "nodes/kernels/sums.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

constexpr float kShare = 0.25f;

class AveragePool final : public DifferentiableMap {
 public:
  explicit AveragePool(Setup& setup) : x_(setup.input("x")) {
    const Shape& s = x_.spec.shape;
    if (s[2] % 2 != 0 || s[3] % 2 != 0)
      setup.fail_at_input(
          "x", fmt::format("'x' is {}, which cannot be halved; height and width must be even", to_string(s)));
    y_ = setup.output("y", {s[0], s[1], s[2] / 2, s[3] / 2});
    height_ = static_cast<int>(s[2] / 2);
    width_ = static_cast<int>(s[3] / 2);
    blocks_ = static_cast<int>(s[0] * blocks_of(s[1], x_.spec.block));
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(5 * block_size() * sizeof(float));
    ways_ = ways_over(5 * blocks_ * static_cast<std::int64_t>(block_size()), preparation.ways);
  }

  void forward(Call& call) const override {
    in_runs(blocks_, ways_, [&](std::size_t first, std::size_t end) {
      for (std::size_t b = first; b < end; ++b) mean_of_four(call, b);
    });
  }

  void backward(Call& call) const override {
    if (!call.d<void>(x_)) return;
    in_runs(blocks_, ways_, [&](std::size_t first, std::size_t end) {
      for (std::size_t b = first; b < end; ++b) spread(call, b);
    });
  }

 private:
  std::size_t block_size() const {
    return static_cast<std::size_t>(height_) * width_ * x_.spec.block;
  }  // of y
  bool half() const { return is_half(x_.spec); }

  // The gradient of repeating pixels is the sum of four.
  void mean_of_four(Call& call, std::size_t b) const {
    float *wide_y = reinterpret_cast<float*>(call.scratch()), *wide_x = wide_y + block_size();
    if (half()) kernels::widen(call.in<BFloat16>(x_) + b * 4 * block_size(), wide_x, 4 * block_size());
    const float* x = half() ? wide_x : call.in<float>(x_) + b * 4 * block_size();
    float* y = half() ? wide_y : call.out<float>(y_) + b * block_size();
    kernels::upsample2_backward(x, y, 1, height_, width_, x_.spec.block);
    kernels::scale(kShare, y, y, block_size());
    if (half()) kernels::narrow(wide_y, call.out<BFloat16>(y_) + b * block_size(), block_size());
  }

  void spread(Call& call, std::size_t b) const {
    float *wide_y = reinterpret_cast<float*>(call.scratch()), *wide_x = wide_y + block_size();
    if (half()) kernels::widen(call.d<BFloat16>(y_) + b * block_size(), wide_y, block_size());
    const float* dy = half() ? wide_y : call.d<float>(y_) + b * block_size();
    float* dx = half() ? wide_x : call.d<float>(x_) + b * 4 * block_size();
    kernels::scale(kShare, dy, wide_y, block_size());
    kernels::upsample2(wide_y, dx, 1, height_, width_, x_.spec.block);
    if (half()) kernels::narrow(wide_x, call.d<BFloat16>(x_) + b * 4 * block_size(), 4 * block_size());
  }

  Input x_;
  Output y_;
  int blocks_ = 0, height_ = 0, width_ = 0;  // blocks of all images; sides of y
  int ways_ = 1;
};

}  // namespace

NodeType average_pool() {
  return {.name = "average_pool",
          .summary = "Halves height and width; each pixel is the mean of four.",
          .stands_for = {"downsampling"},
          .example = "{type: average_pool, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] float blocked", "height and width even"}},
          .outputs = {{"y", "[N,C,h,w] float blocked", "half as high and wide"}},
          .create = make_node<AveragePool>};
}

}  // namespace dagfusion
