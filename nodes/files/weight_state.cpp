#include "nodes/files/weight_state.h"

#include <cstring>

namespace dagfusion {

StateTensor weight_state(const WeightTable& table, int weight, std::span<float> values, std::string name) {
  const WeightSpec& spec = table.weights()[static_cast<std::size_t>(weight)];
  const auto count = static_cast<std::size_t>(count_of(spec.shape));
  return {.name = std::move(name),
          .dtype = DType::f32,
          .shape = spec.shape,
          .save =
              [&table, weight, values](std::byte* out) {
                const std::vector<float> plain = table.plain(weight, values);
                std::memcpy(out, plain.data(), plain.size() * sizeof(float));
              },
          .load = [&table, weight, values, count](const std::byte* in) {  // where a vector begins: aligned
            table.set_plain(weight, {reinterpret_cast<const float*>(in), count}, values);
          }};
}

std::vector<StateTensor> weight_states(const WeightTable& table, std::span<float> values) {
  std::vector<StateTensor> states;
  for (int w = 0; w < static_cast<int>(table.weights().size()); ++w) {
    states.push_back(weight_state(table, w, values, table.weights()[static_cast<std::size_t>(w)].path));
  }
  return states;
}

}  // namespace dagfusion
