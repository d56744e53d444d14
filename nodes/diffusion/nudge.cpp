// nudge: moves every number of an image a little up or down, by chance, to see what a model makes of it.
// Hutchinson 1989, "A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines", with the
// signs of Rademacher.
//
//   out = x + size * sigma(t) * v,  v = +1 or -1, each with probability 1/2
//
// x, out: [N,...]; t: [N]. Other v in each iteration of a loop.
#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class Nudge final : public Map {
 public:
  explicit Nudge(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        size_(setup.real("size")),
        x_(setup.input("x")),
        t_(setup.input("t")),
        out_(setup.output("out")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {}

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      const double sigma = process_.level(process_.time(call.in<float>(t_)[n])).sigma;
      const float step = static_cast<float>(size_ * sigma);
      move(call.random(static_cast<int>(n)), step, call.in<float>(x_) + n * each_,
           call.out<float>(out_) + n * each_);
    }
  }

 private:
  void move(const RandomStream& stream, float step, const float* x, float* out) const {
    constexpr std::int64_t kSigns = 128;  // of the bits of a block
    Philox4 words{};
    for (std::int64_t i = 0; i < each_; ++i) {
      if (i % kSigns == 0) words = stream.block(static_cast<std::uint32_t>(i / kSigns));
      const bool up = words[i % kSigns / 32] >> (i % 32) & 1;
      out[i] = x[i] + (up ? step : -step);
    }
  }

  const NoiseProcess& process_;
  double size_;
  Input x_, t_;
  Output out_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType nudge() {
  return {
      .name = "nudge",
      .summary = "Moves every number of an image a little up or down, by chance.",
      .paper = "Hutchinson 1989, trace estimator",
      .example = "{type: nudge, in: {x: half, t: half.t}}",
      .inputs = {{"x", "[N,...] f32", "images with the noise of t"}, {"t", "[N] f32", "time of each image"}},
      .outputs = {{"out", "[N,...] f32", "the same, moved"}},
      .parameters = {{.name = "size",
                      .kind = Kind::real,
                      .doc = "how far, as a share of the noise's deviation: small enough for a straight "
                             "line, large enough for float32",
                      .standard = 0.01,
                      .minimum = 0,
                      .maximum = 1,
                      .above_minimum = true}},
      .create = make_node<Nudge>};
}

}  // namespace dagfusion
