#include "tools/exchange/packing.h"

namespace dagfusion {

std::vector<float> take_third(const std::vector<float>& all, std::int64_t channels, std::int64_t heads,
                              int third, ThirdOrder order) {
  const auto row =
      static_cast<std::int64_t>(all.size()) / (3 * channels);  // numbers behind one output channel
  const std::int64_t depth = channels / heads;
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(channels * row));
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t from = order == ThirdOrder::by_heads      ? (c / depth * 3 + third) * depth + c % depth
                              : order == ThirdOrder::by_channels ? c * 3 + third
                                                                 : third * channels + c;
    values.insert(values.end(), all.begin() + from * row, all.begin() + (from + 1) * row);
  }
  return values;
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

}  // namespace dagfusion
