// Pictures brought to another size, by the filters that users know.
#pragma once

#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

// area, box, bilinear, bicubic, lanczos: as the node resize describes them; improved_diffusion is a recipe for squares.
inline const std::vector<std::string> kResizeFilters = {"area",    "box",     "bilinear",
                                                        "bicubic", "lanczos", "improved_diffusion"};

// The shorter side becomes `size`, proportions stay. Throws std::runtime_error for what would become too large.
Image with_shorter_side(const Image&, int size, const std::string& filter);

// Exactly of that size, whatever becomes of its proportions.
Image with_sides(const Image&, int height, int width, const std::string& filter);

// As large as covers height x width with its proportions kept, and the middle cut out of it. A spare row goes to the
// bottom, a spare column to the right.
Image fitted(const Image&, int height, int width, const std::string& filter);

// The part of that size whose upper left corner is there.
Image cut_out(const Image&, int top, int left, int height, int width);

}  // namespace dagfusion
