// Pictures made smaller or larger as Pillow does it: a filter as wide as the step, so that nothing flickers.
#pragma once

#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

enum class Filter { box, bilinear, bicubic, lanczos };

// What one new pixel of a line is made from: those from `first` on, each times its weight, which add up to 1.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};
std::vector<Taps> taps_of(int from, int to, Filter);

// Bit for bit what Image.resize((width, height), filter) of Pillow gives for 8 bits a channel.
Image resample(const Image&, int height, int width, Filter);

}  // namespace dagfusion
