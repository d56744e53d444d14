// A frame on its way from the process that has computed it to the first one. Private to graph/run.
#pragma once

#include <string>

#include "graph/run/section.h"

namespace dagfusion {

// What the tasks behind Plan::collect read of it, or why it was dropped.
std::string parcel_of(const Section&, const Frame&);
// Puts it into the frame of the same number here.
void take_frame(Section&, Frame&, const std::string& parcel);

}  // namespace dagfusion
