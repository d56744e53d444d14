// The launch of one run by several processes. Private to tools/launch.
#pragma once

#include "tools/launch/launch.h"

namespace dagfusion {

// Everybody calls it; the first rank makes the run directory and locks it. Throws Agreed, on all.
Launch launch_together(const Invocation&);

}  // namespace dagfusion
