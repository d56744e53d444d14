// nearest_upsample: doubles height and width by repeating each pixel.
//
//   y[n,c,i,j] = x[n,c,i/2,j/2] ;  dx[n,c,i,j] = the sum of the four dy that came from it
//
// x: [N,C,H,W]; y: [N,C,2H,2W].

#include "nodes/catalog.h"
#include "nodes/kernels/blocked.h"

namespace dagfusion {
namespace {

class NearestUpsample final : public Map {
 public:
  explicit NearestUpsample(Setup& setup) : x_(setup.input("x")) {
    const Shape& s = x_.spec.shape;
    y_ = setup.output("y", {s[0], s[1], 2 * s[2], 2 * s[3]});
    height_ = static_cast<int>(s[2]);
    width_ = static_cast<int>(s[3]);
    blocks_ = static_cast<int>(s[0] * ((s[1] + x_.spec.block - 1) / x_.spec.block));
  }

  void forward(Call& call) const override {
    kernels::upsample2(call.in<float>(x_), call.out<float>(y_), blocks_, height_, width_, x_.spec.block);
  }

  void backward(Call& call) const override {
    if (void* dx = call.d(x_)) {
      kernels::upsample2_backward(static_cast<const float*>(call.d(y_)), static_cast<float*>(dx), blocks_,
                                  height_, width_, x_.spec.block);
    }
  }

 private:
  Input x_;
  Output y_;
  int blocks_ = 0, height_ = 0, width_ = 0;  // blocks of all images
};

}  // namespace

NodeType nearest_upsample() {
  return {.name = "nearest_upsample",
          .summary = "Doubles height and width by repeating each pixel.",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] act blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,h,w] act blocked", "twice as high and wide"}},
          .differentiable = true,
          .create = make_node<NearestUpsample>};
}

}  // namespace dagfusion
