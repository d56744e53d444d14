// dropout: sets elements to zero at random while training, and scales the others so that the mean stays.
// Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15.
//
//   y = keep * x / (1 - rate),  keep = 0 with probability rate, else 1 ;  dx = keep * dy / (1 - rate)
//
// x, y: [N,C,...], any layout; rate in [0,1), in steps of 1/65536.
// The random number belongs to the element (image, channel, pixel), not to its place in memory: blocks of 8
// and of 16 channels drop the same elements. Eight pixels of a channel share one block of the image's random
// stream, 16 bits each. Backward draws the same numbers again, which costs less than to keep and read them.

#include <algorithm>
#include <cmath>

#include "nodes/catalog.h"

namespace dagfusion {
namespace {

constexpr int kPixels = 8;  // elements per block of random numbers

class Dropout final : public Map {
 public:
  explicit Dropout(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {
    threshold_ = static_cast<std::uint32_t>(std::min(std::lround(setup.real("rate") * 65536), 65535l));
    scale_ = static_cast<float>(65536.0 / (65536 - threshold_));
    const Shape& shape = x_.spec.shape;
    images_ = shape[0];
    channels_ = shape.size() > 1 ? shape[1] : 1;
    pixels_ = channels_ == 0 ? 0 : count_of(shape) / images_ / channels_;
  }

  void forward(Call& call) const override { drop(call, call.in<float>(x_), call.out<float>(y_)); }

  void backward(Call& call) const override {
    if (void* dx = call.d(x_)) drop(call, static_cast<const float*>(call.d(y_)), static_cast<float*>(dx));
  }

 private:
  void drop(const Call& call, const float* in, float* out) const {
    const std::int64_t block = x_.spec.block;
    for (std::int64_t n = 0; n < images_; ++n) {
      const RandomStream stream = call.random(static_cast<int>(n));
      for (std::int64_t first = 0; first < channels_;
           first += block, in += pixels_ * block, out += pixels_ * block) {
        for (std::int64_t pixel = 0; pixel < pixels_; pixel += kPixels) {
          for (std::int64_t c = 0; c < block; ++c) {
            drop_pixels(stream, first + c, pixel, in + pixel * block + c, out + pixel * block + c);
          }
        }
      }
    }
  }

  // Up to kPixels pixels of one channel. Channels that only fill a block up stay zero.
  void drop_pixels(const RandomStream& stream, std::int64_t channel, std::int64_t pixel, const float* in,
                   float* out) const {
    const std::int64_t block = x_.spec.block;
    const std::int64_t count = std::min<std::int64_t>(kPixels, pixels_ - pixel);
    if (channel >= channels_) {
      for (std::int64_t i = 0; i < count; ++i) out[i * block] = 0.0f;
      return;
    }
    const std::int64_t per_channel = (pixels_ + kPixels - 1) / kPixels;
    const Philox4 words = stream.block(static_cast<std::uint32_t>(channel * per_channel + pixel / kPixels));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t random = words[i / 2] >> (16 * (i % 2)) & 0xFFFF;
      out[i * block] = random < threshold_ ? 0.0f : in[i * block] * scale_;
    }
  }

  Input x_;
  Output y_;
  std::uint32_t threshold_ = 0;  // of 16 random bits
  float scale_ = 1;
  std::int64_t images_ = 0, channels_ = 0, pixels_ = 0;
};

}  // namespace

NodeType dropout() {
  return {.name = "dropout",
          .summary = "Sets elements to zero at random while training, and scales the others up.",
          .role = Role::map,
          .inputs = {{"x", "[N,...] act free", "any value"}},
          .outputs = {{"y", "[N,...] act free", "x, thinned out"}},
          .parameters = {{.name = "rate",
                          .kind = Kind::real,
                          .doc = "share of the elements that are dropped, below 1",
                          .standard = 0.1,
                          .minimum = 0,
                          .maximum = 0.999}},
          .differentiable = true,
          .only_training = true,
          .create = make_node<Dropout>};
}

}  // namespace dagfusion
