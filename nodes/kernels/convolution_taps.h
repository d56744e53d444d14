// Which outputs a tap of a kernel has something to do with.
#pragma once

#include <algorithm>

namespace dagfusion::kernels {

struct OutputRange {
  int first, end;
  int count() const { return end - first; }
};

// Of the outputs in `range`, those that read inside [0, size): output * stride + at, `at` = tap - before.
inline OutputRange outputs_inside(OutputRange range, int at, int stride, int size) {
  const int first = std::max(range.first, at < 0 ? (stride - 1 - at) / stride : 0), last = size - 1 - at;
  return {first, std::max(first, last < 0 ? first : std::min(range.end, last / stride + 1))};
}

}  // namespace dagfusion::kernels
