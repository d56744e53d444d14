// The U-Net that a bare state dict is of, known by the names and shapes of its tensors.
#pragma once

#include "tools/exchange/layouts.h"

namespace dagfusion {

// `size`: height and width of images, which no tensor says. `notes`: what no tensor says either, and was taken for
// granted. Throws UserError.
Network network_of(const TensorFile&, const FoundNetwork&, std::int64_t size,
                   std::vector<std::string>& notes);

}  // namespace dagfusion
