// Where the axes of a plot have their numbers.
#pragma once

#include <vector>

namespace dagfusion {

// Multiples of 1, 2 or 5 times a power of ten, from `low` to `high`: at most so many, and none below `least_step` apart.
std::vector<double> round_ticks(double low, double high, int most, double least_step = 0);

// For a logarithmic axis: 1, 2 and 5 times powers of ten, the powers alone where that is too many; where the axis is so
// short that fewer than two lie on it, as round_ticks().
std::vector<double> log_ticks(double low, double high, int most);

}  // namespace dagfusion
