// The last steps from a file to what can run: checked, `micro_batch: auto` put in, planned.
#pragma once

#include "graph/plan/plan.h"

namespace dagfusion {

// Of `auto`: N from the shapes alone, so that a lane stays near the size of the caches.
// `one`: planned with one image a frame.
int fitting_micro_batch(const Planned& one);

// Where `run.memory` says so, `recompute: auto` keeps less for the backward pass, and `micro_batch: auto` takes fewer images. The tree's variables are substituted already.
// Throws UserError with every fault that can be known before a run.
Planned check_and_plan(const Tree& file, const Catalog&, CheckOptions);

}  // namespace dagfusion
