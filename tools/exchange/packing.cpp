#include "tools/exchange/packing.h"

#include <algorithm>
#include <cmath>

namespace dagfusion {

namespace {

// The row of a tensor of all three that holds output channel `c` of one of them.
std::int64_t row_of(std::int64_t c, int third, std::int64_t channels, std::int64_t heads, ThirdOrder order) {
  const std::int64_t depth = channels / heads;
  if (order == ThirdOrder::by_heads) return (c / depth * 3 + third) * depth + c % depth;
  return order == ThirdOrder::by_channels ? c * 3 + third : third * channels + c;
}

}  // namespace

std::vector<float> take_third(const std::vector<float>& all, std::int64_t channels, std::int64_t heads,
                              int third, ThirdOrder order) {
  const auto row =
      static_cast<std::int64_t>(all.size()) / (3 * channels);  // numbers behind one output channel
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(channels * row));
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t from = row_of(c, third, channels, heads, order);
    values.insert(values.end(), all.begin() + from * row, all.begin() + (from + 1) * row);
  }
  return values;
}

std::vector<float> joined_thirds(const std::vector<std::vector<float>>& thirds, std::int64_t channels,
                                 std::int64_t heads, ThirdOrder order) {
  const auto row = static_cast<std::int64_t>(thirds[0].size()) / channels;
  std::vector<float> all(3 * thirds[0].size());
  for (int third = 0; third < 3; ++third)
    for (std::int64_t c = 0; c < channels; ++c)
      std::copy_n(thirds[static_cast<std::size_t>(third)].begin() + c * row, row,
                  all.begin() + row_of(c, third, channels, heads, order) * row);
  return all;
}

std::vector<float> rows_of_classes(const std::vector<float>& columns, const std::vector<float>& bias,
                                   std::int64_t classes, float scale) {
  const std::int64_t dim = static_cast<std::int64_t>(columns.size()) / classes;
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>((classes + 1) * dim));
  for (std::int64_t k = 0; k <= classes; ++k)
    for (std::int64_t d = 0; d < dim; ++d) {
      const float own = k < classes ? scale * columns[static_cast<std::size_t>(d * classes + k)] : 0;
      rows.push_back(own + (bias.empty() ? 0 : bias[static_cast<std::size_t>(d)]));
    }
  return rows;
}

namespace {

// x with scale * x + bias = row, to the bit where one of the nearest numbers has it.
float before(float row, float bias, float scale) {
  constexpr int kNearest = 8;
  const float near = (row - bias) / scale;
  float above = near, below = near;
  for (int i = 0; i < kNearest; ++i) {
    if (scale * above + bias == row) return above;
    if (scale * below + bias == row) return below;
    above = std::nextafter(above, INFINITY);
    below = std::nextafter(below, -INFINITY);
  }
  return near;
}

}  // namespace

std::vector<float> columns_of_classes(const std::vector<float>& rows, const std::vector<float>& none,
                                      std::int64_t classes, float scale) {
  std::vector<float> columns;
  for (std::size_t d = 0; d < none.size(); ++d)
    for (std::int64_t k = 0; k < classes; ++k)
      columns.push_back(before(rows[static_cast<std::size_t>(k) * none.size() + d], none[d], scale));
  return columns;
}

}  // namespace dagfusion
