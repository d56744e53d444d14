// What a run takes of what is known before it: values in frames and lanes, weights, gradients, states. The memory
// of threads, of primitives and of libraries comes on top.
#pragma once

#include <cstdint>

#include "graph/plan/plan.h"

namespace dagfusion {

// What `auto` stands for: a lane for each thread, and as many frames as keep them busy while others come and go.
int lanes_of(const RunSettings&, int threads);
int frames_in_flight_of(const RunSettings&, int lanes);

// Of nodes that keep memory of their own; a part of planned_memory().
std::uint64_t kept_memory(const Checked&);

// Of nodes that keep something between steps: moments of optimisers, averages; a part as well.
std::uint64_t state_memory(const Checked&);

std::uint64_t planned_memory(const Planned&, int lanes);

}  // namespace dagfusion
