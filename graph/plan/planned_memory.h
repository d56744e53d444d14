// What a run takes of what is known before it: values in frames and lanes, weights, gradients, states. The memory
// of threads, of primitives and of libraries comes on top.
#pragma once

#include <cstdint>

#include "graph/plan/plan.h"

namespace dagfusion {

std::uint64_t planned_memory(const Planned&, int lanes);

}  // namespace dagfusion
