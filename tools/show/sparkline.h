// A curve in one line of text.
#pragma once

#include <string>
#include <vector>

namespace dagfusion {

// "█▆▄▃▂▁": means of at most so many parts, on a logarithmic scale where all are positive; "" for no values.
std::string sparkline(const std::vector<double>& values, int columns);

}  // namespace dagfusion
