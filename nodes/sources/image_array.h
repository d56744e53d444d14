// What data sets have in common whose images are the numbers of an array, whatever file holds it.
#pragma once

#include <string>
#include <vector>

#include "graph/types/parameter.h"
#include "graph/types/setup.h"

namespace dagfusion {

struct ImageArrayWords {
  std::string array, labels;  // "the array of images in a .npz; found when only one could be"
  std::string no_range;       // what is done when `range` is not given
};

// key, label_key, order, range, values.
std::vector<Parameter> image_array_parameters(const ImageArrayWords&);

// Black and white as `range` says, or nothing; a fault where they are no two numbers that rise.
std::vector<double> image_range(Setup&);

}  // namespace dagfusion
