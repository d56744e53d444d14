// What a task is, in words.
#pragma once

#include "graph/plan/plan.h"

namespace dagfusion {

const char* kind_of(const Task&);

// Why a task takes the frames one by one, in their order; "" for those that take many at once.
const char* why_ordered(const Task&);

}  // namespace dagfusion
