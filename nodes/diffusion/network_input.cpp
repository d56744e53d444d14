// network_input: scales noisy images to what the network is to see, as the noise process says.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, eq. 7.
//
//   y = c_in(t) * x ;  d(x) = c_in(t) * d(y)       c_in: 1, or 1 / sqrt(t^2 + sigma_data^2) of `process: edm`
//
// x, y: [N,...]; t: [N]. Every call of a model gets one where c_in is not 1.
#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class NetworkScale final : public DifferentiableMap {
 public:
  explicit NetworkScale(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        t_(setup.input("t")),
        y_(setup.output("y")),
        images_(x_.spec.shape[0]),
        each_(count_of(x_.spec.shape) / images_) {
    setup.backward_reads(t_);
  }

  void forward(Call& call) const override { scale(call, call.in<float>(x_), call.out<float>(y_)); }
  void backward(Call& call) const override {
    if (float* dx = call.d<float>(x_)) scale(call, call.d<float>(y_), dx);
  }

 private:
  void scale(const Call& call, const float* from, float* to) const {
    const float* t = call.in<float>(t_);
    for (std::int64_t n = 0; n < images_; ++n)
      kernels::scale(static_cast<float>(process_.network_input(process_.time(t[n])).scale), from + n * each_,
                     to + n * each_, each_);
  }

  const NoiseProcess& process_;
  Input x_, t_;
  Output y_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace

NodeType network_input() {
  return {
      .name = "network_input",
      .summary = "Scales noisy images to what the network is to see; calls of a model get it by themselves.",
      .paper = "Karras et al. 2022, arXiv:2206.00364, eq. 7 (c_in)",
      .example = "{type: network_input, in: {x: xt, t: t}}",
      .inputs = {{"x", "[N,...] f32", "noisy images"}, {"t", "[N] f32", "time of each image"}},
      .outputs = {{"y", "[N,...] f32", "the same, scaled"}},
      .create = make_node<NetworkScale>};
}

}  // namespace dagfusion
