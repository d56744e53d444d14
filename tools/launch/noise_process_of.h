// The noise process of a pipeline.
#pragma once

#include <memory>

#include "tools/launch/launch.h"

namespace dagfusion {

// Of the section in the file; without one, of the checkpoint that the model comes from. Throws UserError.
std::shared_ptr<Resource> noise_process_of(const Invocation&);

}  // namespace dagfusion
