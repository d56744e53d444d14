// guidance_interval: says whether a time lies where guidance is to act.
// Kynkäänniemi et al. 2024, "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion
// Models", arXiv:2404.07724, eq. 5.
//
//   on = 1 if low < sigma(t) / alpha(t) <= high, else 0
//
// t: [N], the time of each image, in a loop the same for all; on: one number, for `when` of the second call of the model.

#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class GuidanceInterval final : public Map {
 public:
  explicit GuidanceInterval(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        interval_(setup.parameters().reals("interval")),
        t_(setup.input("t")),
        on_(setup.output("on")) {
    if (interval_.size() != 2 || interval_[0] >= interval_[1])
      setup.fail_at("interval", fmt::format("'interval' is {}; it takes two numbers, the smaller one first",
                                            to_string(setup.parameters().setting("interval"))));
  }

  void forward(Call& call) const override {
    const float* t = call.in<float>(t_);
    const bool on = inside(t[0]);
    for (int n = 1; n < call.valid(); ++n)
      if (inside(t[n]) != on)
        throw std::runtime_error(
            fmt::format("the images of a frame have times {} and {}, of which only one is "
                        "inside the interval; guidance takes them together",
                        t[0], t[n]));
    *call.out<std::int32_t>(on_) = on;
  }

 private:
  bool inside(float t) const {
    const double sigma = process_.karras_sigma(process_.time(t));
    return interval_[0] < sigma && sigma <= interval_[1];
  }

  const NoiseProcess& process_;
  std::vector<double> interval_;
  Input t_;
  Output on_;
};

}  // namespace

NodeType guidance_interval() {
  return {.name = "guidance_interval",
          .summary = "Says whether a time lies where guidance is to act.",
          .paper = "Kynkäänniemi et al. 2024, arXiv:2404.07724, eq. 5",
          .example = "{type: guidance_interval, in: t, interval: [0.19, 1.61]}",
          .inputs = {{"t", "[N] f32", "time of each image, the same for all"}},
          .outputs = {{"on", "[] i32", "1 inside the interval, 0 outside"}},
          .parameters = {{.name = "interval",
                          .kind = Kind::reals,
                          .doc = "noise sigma / alpha: above the first number, up to the second",
                          .required = true,
                          .minimum = 0}},
          .create = make_node<GuidanceInterval>};
}

}  // namespace dagfusion
