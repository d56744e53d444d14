// A run that cannot fit is not begun.
#pragma once

#include "graph/plan/plan.h"
#include "graph/run/machine.h"

namespace dagfusion {

// Throws std::runtime_error that says how much is needed, and what would need less. `threads`: as asked for; 0 = all.
void require_memory(const Planned&, int threads, const MemoryBound&);

}  // namespace dagfusion
