// The labels that a U-Net takes beside images and timesteps.
#pragma once

#include <cstdint>

#include "graph/types/composite.h"

namespace dagfusion {

// How many classes the model has, 0 for none, as `classes` says or the data know; their names are kept with the model.
// A label that is wired without classes, and in training classes without a label, are faults.
std::int64_t settled_classes(Builder&);

// How many numbers say what was done to an image; 0 for none. A wire that does not fit is a fault.
std::int64_t augment_numbers(const Builder&);

}  // namespace dagfusion
