// global_average_pool: the mean of each channel over all its pixels: features of an image, whatever its size.
// Lin, Chen, Yan 2013, "Network In Network", arXiv:1312.4400, section 3.2.
//
//   y[n,c] = mean over h,w of x[n,c,h,w] ;  dx[n,c,h,w] = dy[n,c] / (H W)
//
// x: [N,C,H,W]; y: [N,C]. Sums are taken in float64.

#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class GlobalAveragePool final : public DifferentiableMap {
 public:
  explicit GlobalAveragePool(Setup& setup) : x_(setup.input("x")) {
    const Shape& shape = x_.spec.shape;
    y_ = setup.output("y", {shape[0], shape[1]});
    pixels_ = shape[2] * shape[3];
  }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    for_channels([&](std::int64_t first, std::int64_t channel) {
      double sum = 0;
      for (std::int64_t p = 0; p < pixels_; ++p) sum += x[first + p * x_.spec.block];
      y[channel] = static_cast<float>(sum / static_cast<double>(pixels_));
    });
  }

  void backward(Call& call) const override {
    float* dx = call.d<float>(x_);
    if (!dx) return;
    std::fill_n(dx, x_.spec.stored_elements(), 0.0f);
    const float* dy = call.d<float>(y_);
    for_channels([&](std::int64_t first, std::int64_t channel) {
      const float share = dy[channel] / static_cast<float>(pixels_);
      for (std::int64_t p = 0; p < pixels_; ++p) dx[first + p * x_.spec.block] = share;
    });
  }

 private:
  // f(where its first pixel lies in x, n * C + c) for every channel of every image.
  template <class F>
  void for_channels(const F& f) const {
    const std::int64_t channels = x_.spec.shape[1], block = x_.spec.block,
                       blocks = blocks_of(channels, x_.spec.block);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n)
      for (std::int64_t c = 0; c < channels; ++c)
        f((n * blocks + c / block) * pixels_ * block + c % block, n * channels + c);
  }

  Input x_;
  Output y_;
  std::int64_t pixels_ = 1;
};

}  // namespace

NodeType global_average_pool() {
  return {.name = "global_average_pool",
          .summary = "The mean of each channel over all its pixels.",
          .stands_for = {"pooling"},
          .paper = "Lin et al. 2013, arXiv:1312.4400",
          .example = "{type: global_average_pool, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"}},
          .outputs = {{"y", "[N,C] f32", "a number for each channel"}},
          .create = make_node<GlobalAveragePool>};
}

}  // namespace dagfusion
