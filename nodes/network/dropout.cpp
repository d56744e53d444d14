// dropout: sets elements to zero at random while training, and scales the others so that the mean stays.
// Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15.
//
//   y = keep * x / (1 - rate),  keep = 0 with probability rate, else 1 ;  dx = keep * dy / (1 - rate)
//
// x, y: [N,C,...], any layout; rate in [0,1), in steps of 1/65536.
// The random number belongs to the element (image, channel, pixel), not to its place in memory: blocks of 8
// and of 16 channels drop the same elements. Eight pixels of a channel share one block of the image's random
// stream, 16 bits each. Backward draws the same numbers again, which costs less than to keep and read them.

#include "nodes/kernels/dropout.h"

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/types/cheap_to_repeat.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Dropout final : public DifferentiableMap, public CheapToRepeat {
 public:
  explicit Dropout(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {
    const Shape& shape = x_.spec.shape;
    images_ = shape[0];
    const std::int64_t channels = shape.size() > 1 ? shape[1] : 1;
    kernel_.threshold = static_cast<std::uint32_t>(std::min(std::lround(setup.real("rate") * 65536), 65535l));
    kernel_.scale = static_cast<float>(65536.0 / (65536 - kernel_.threshold));
    kernel_.channels = channels;
    kernel_.pixels = channels == 0 ? 0 : count_of(shape) / images_ / channels;
    kernel_.block = x_.spec.block;
  }

  void forward(Call& call) const override { drop(call, call.in<void>(x_), call.out<void>(y_)); }

  void backward(Call& call) const override {
    if (void* dx = call.d<void>(x_)) drop(call, call.d<void>(y_), dx);
  }

 private:
  void drop(const Call& call, const void* in, void* out) const {
    if (is_half(x_.spec)) return images(call, static_cast<const BFloat16*>(in), static_cast<BFloat16*>(out));
    images(call, static_cast<const float*>(in), static_cast<float*>(out));
  }

  template <class T>
  void images(const Call& call, const T* in, T* out) const {
    const std::size_t size = x_.spec.image_elements();
    for (std::int64_t n = 0; n < images_; ++n)
      kernels::dropout(kernel_, call.random(static_cast<int>(n)), in + n * size, out + n * size);
  }

  Input x_;
  Output y_;
  std::int64_t images_ = 0;
  kernels::DropoutShape kernel_;
};

}  // namespace

NodeType dropout() {
  return {.name = "dropout",
          .summary = "Sets elements to zero at random while training, and scales the others up.",
          .stands_for = {"regularisation"},
          .paper = "Srivastava et al. 2014, JMLR 15",
          .example = "{type: dropout, in: x, rate: 0.1}",
          .role = Role::map,
          .inputs = {{"x", "[N,...] float free", "any value"}},
          .outputs = {{"y", "[N,...] float free", "x, thinned out"}},
          .parameters = {{.name = "rate",
                          .kind = Kind::real,
                          .doc = "share of the elements that are dropped, below 1",
                          .standard = 0.1,
                          .minimum = 0,
                          .maximum = 0.999}},
          .only_training = true,
          .create = make_node<Dropout>};
}

}  // namespace dagfusion
