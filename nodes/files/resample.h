// Pictures made smaller or larger as Pillow does it: a filter as wide as the step, so that nothing flickers.
#pragma once

#include "graph/values/tensor.h"

namespace dagfusion {

enum class Filter { box, bilinear, bicubic, lanczos };

// Bit for bit what Image.resize((width, height), filter) of Pillow gives for 8 bits a channel.
Image resample(const Image&, int height, int width, Filter);

}  // namespace dagfusion
