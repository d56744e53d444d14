// How fast several processes train together. No peak of the cores beside it: while one process would measure its own,
// others compute on the same machine, or wait.
#pragma once

#include <string>

#include "tools/launch/launch.h"

namespace dagfusion {

struct MeasuredTogether {
  std::string file;
  int ranks = 1, threads = 1;  // threads: of the first
  std::int64_t batch_size = 0, steps = 0;
  double seconds = 0;
  double exposed = 0;              // of these seconds: the first rank waited for others and the network
  std::uint64_t bytes_a_step = 0;  // of gradients, that it sends

  double images_per_second() const {
    return static_cast<double>(batch_size) * static_cast<double>(steps) / seconds;
  }
};

// Over whole steps, at least `seconds` and one step. Every rank calls it; what comes back is the first one's. Throws Stopped.
MeasuredTogether measure_together(Invocation, double seconds);

void say_together(const MeasuredTogether&);
std::string together_json(const MeasuredTogether&);

}  // namespace dagfusion
