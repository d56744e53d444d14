// What `guidance` and `guide` can be told.
#pragma once

#include <vector>

#include "graph/types/parameter.h"

namespace dagfusion {

std::vector<Parameter> guidance_parameters();

}  // namespace dagfusion
