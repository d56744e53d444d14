// How much a task computes.
#pragma once

#include "graph/plan/plan.h"

namespace dagfusion {

// Of one frame. The backward pass of a layer is two products as large as its forward pass, one for the gradient of
// its input and one for that of its weights; a node without weights computes both in its backward task.
std::int64_t multiply_adds(const Checked&, const Task&);

}  // namespace dagfusion
