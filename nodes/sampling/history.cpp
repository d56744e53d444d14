#include "nodes/sampling/history.h"

namespace dagfusion {

std::vector<Port> History::inputs(bool two) {
  std::vector<Port> ports = {{"x0_before", "[N,...] f32", "x0 of the iteration before; zeros at first"},
                             {"t_before", "[N] f32", "t of the iteration before; t in the first"}};
  if (two) {
    ports.push_back({"x0_before2", "[N,...] f32", "x0_before of the iteration before"});
    ports.push_back({"t_before2", "[N] f32", "t_before of the iteration before"});
  }
  return ports;
}

History::History(Setup& setup, bool two)
    : two_(two), x0_before_(setup.input("x0_before")), t_before_(setup.input("t_before")) {
  if (!two) return;
  x0_before2_ = setup.input("x0_before2");
  t_before2_ = setup.input("t_before2");
}

Differences History::differences(const Call& call, const NoiseProcess& process,
                                 const DenoisingStep::Image& image, int n) const {
  Differences found;
  const double now = half_log_snr(image.from), step = half_log_snr(image.to) - now;
  const double t_before = process.time(call.in<float>(t_before_)[n]);
  if (t_before <= image.t) return found;  // the first iteration
  const double before = half_log_snr(process.level(t_before));
  found.near = (now - before) / step;
  found.known = 1;
  if (!two_) return found;
  const double t_before2 = process.time(call.in<float>(t_before2_)[n]);
  if (t_before2 <= t_before) return found;
  found.far = (before - half_log_snr(process.level(t_before2))) / step;
  found.known = 2;
  return found;
}

}  // namespace dagfusion
