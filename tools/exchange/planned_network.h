// A network as the checker makes it of its section: every layer, and every weight with its shape.
#pragma once

#include "graph/plan/plan.h"

namespace dagfusion {

inline constexpr const char* kNetworkCall =
    "out";  // the node that calls it: its layers are "out/conv_in" and so on
inline constexpr const char *kNetworkImages = "x", *kNetworkTimes = "t", *kNetworkLabels = "label",
                            *kNetworkAugment = "augment";  // nodes before it

// For one image, not in training. Throws UserError.
Planned planned_network(const ModelSource&);

}  // namespace dagfusion
