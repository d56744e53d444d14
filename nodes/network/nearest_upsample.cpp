// nearest_upsample: doubles height and width by repeating each pixel.
//
//   y[n,c,i,j] = x[n,c,i/2,j/2] ;  dx[n,c,i,j] = the sum of the four dy that came from it
//
// x: [N,C,H,W]; y: [N,C,2H,2W].

#include "graph/types/catalog.h"
#include "graph/types/cheap_to_repeat.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/blocked.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class NearestUpsample final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit NearestUpsample(Setup& setup) : x_(setup.input("x")) {
    const Shape& s = x_.spec.shape;
    y_ = setup.output("y", {s[0], s[1], 2 * s[2], 2 * s[3]});
    height_ = static_cast<int>(s[2]);
    width_ = static_cast<int>(s[3]);
    blocks_ = static_cast<int>(s[0] * (blocks_of(s[1], x_.spec.block)));
  }

  void prepare(Preparation& preparation) override {
    if (is_half(x_.spec)) preparation.scratch(5 * block_size() * sizeof(float));
    ways_ = ways_over(5 * blocks_ * static_cast<std::int64_t>(block_size()), preparation.ways);
  }

  void forward(Call& call) const override {
    // Only copies: two bfloat16 move as one float.
    const int block = is_half(x_.spec) ? x_.spec.block / 2 : x_.spec.block;
    const std::size_t row = static_cast<std::size_t>(width_) * block, size = height_ * row;
    const std::size_t blocks = blocks_ / x_.spec.shape[0];
    in_bands(x_.spec.shape[0], height_, ways_, [&](std::int64_t n, std::int64_t first, std::int64_t end) {
      for (std::size_t k = n * blocks; k < (n + 1) * blocks; ++k)
        kernels::upsample2(call.in<float>(x_) + k * size + first * row,
                           call.out<float>(y_) + 4 * k * size + 4 * first * row, 1,
                           static_cast<int>(end - first), width_, block);
    });
  }

  void backward(Call& call) const override {
    if (!call.d<void>(x_)) return;
    if (is_half(x_.spec)) {
      const auto* from = call.d<BFloat16>(y_);
      auto* to = call.d<BFloat16>(x_);
      float* wide = reinterpret_cast<float*>(call.scratch());
      for (int b = 0; b < blocks_; ++b, from += 4 * block_size(), to += block_size()) {
        kernels::widen(from, wide, 4 * block_size());
        kernels::upsample2_backward(wide, wide + 4 * block_size(), 1, height_, width_, x_.spec.block);
        kernels::narrow(wide + 4 * block_size(), to, block_size());
      }
    } else {
      kernels::upsample2_backward(call.d<float>(y_), call.d<float>(x_), blocks_, height_, width_,
                                  x_.spec.block);
    }
  }

 private:
  std::size_t block_size() const { return static_cast<std::size_t>(height_) * width_ * x_.spec.block; }

  Input x_;
  Output y_;
  int blocks_ = 0, height_ = 0, width_ = 0;  // blocks of all images
  int ways_ = 1;
};

}  // namespace

NodeType nearest_upsample() {
  return {.name = "nearest_upsample",
          .summary = "Doubles height and width by repeating each pixel.",
          .stands_for = {"upsampling"},
          .example = "{type: nearest_upsample, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] float blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,h,w] float blocked", "twice as high and wide"}},
          .create = make_node<NearestUpsample>};
}

}  // namespace dagfusion
