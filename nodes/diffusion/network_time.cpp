// network_time: turns times into the numbers that the network's time embedding is to see.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, eq. 7.
//
//   y = c_noise(t):  999 t (vp), ln(t / 2) (ve), ln(t) / 4 (edm), time_scale * t (flow), t (discrete)
//
// t, y: [N]. Every call of a model gets one where y is not t.
#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class NetworkTime final : public Map {
 public:
  explicit NetworkTime(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")), t_(setup.input("t")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const float* t = call.in<float>(t_);
    float* y = call.out<float>(y_);
    for (int n = 0; n < t_.spec.shape[0]; ++n)
      y[n] = static_cast<float>(process_.network_input(process_.time(t[n])).time);
  }

 private:
  const NoiseProcess& process_;
  Input t_;
  Output y_;
};

}  // namespace

NodeType network_time() {
  return {
      .name = "network_time",
      .summary = "Turns times into what the time embedding is to see; calls of a model get it by themselves.",
      .paper = "Karras et al. 2022, arXiv:2206.00364, eq. 7 (c_noise)",
      .example = "{type: network_time, in: t}",
      .inputs = {{"t", "[N] f32", "time of each image"}},
      .outputs = {{"y", "[N] f32", "what stands for it in the network"}},
      .create = make_node<NetworkTime>};
}

}  // namespace dagfusion
