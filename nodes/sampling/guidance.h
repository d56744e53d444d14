// The parameters of `guidance` and `guide`.
#pragma once

#include <vector>

#include "graph/types/parameter.h"

namespace dagfusion {

std::vector<Parameter> guidance_parameters();

}  // namespace dagfusion
