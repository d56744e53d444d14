// Gradients of one node against central differences.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/one_node.h"

namespace dagfusion::tests {

void expect_gradients_match(OneNode& node, GradientCheck bounds) {
  node.forward();
  std::map<std::string, Plain> r;
  std::uint64_t seed = 100;
  for (const Port& p : node.type().outputs)
    if (node.output_spec(p.name).dtype == DType::f32) r[p.name] = gaussian(node.output(p.name).shape, ++seed);
  const auto loss = [&] {
    node.forward();
    double sum = 0;
    for (const auto& [port, weights] : r) {
      const Plain out = node.output(port);
      for (std::size_t i = 0; i < out.values.size(); ++i)
        sum += static_cast<double>(out.values[i]) * weights.values[i];
    }
    return sum;
  };
  node.backward(r);

  const auto compare = [&](const std::string& what, const Plain& analytic, std::vector<float> values,
                           auto&& set) {
    std::vector<std::size_t> chosen(analytic.values.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
    const auto key = stream_key(7, what);
    const std::size_t most = std::min(chosen.size(), static_cast<std::size_t>(bounds.most_elements));
    double worst = 0, largest = 0;
    std::string where;
    std::vector<std::tuple<double, double, std::size_t>> pairs;
    for (std::size_t k = 0; k < most; ++k) {
      const auto i = static_cast<std::size_t>(shuffled(k, chosen.size(), 0, key));
      const float before = values[i];
      values[i] = static_cast<float>(before + bounds.h);
      const double up = values[i];
      set(values);
      const double high = loss();
      values[i] = static_cast<float>(before - bounds.h);
      const double down = values[i];
      set(values);
      const double low = loss();
      values[i] = before;
      const double numeric = (high - low) / (up - down);
      pairs.emplace_back(analytic.values[i], numeric, i);
      largest = std::max(largest, std::abs(numeric));
    }
    set(values);
    for (const auto& [a, n, i] : pairs)
      if (!(std::abs(a - n) <= worst)) {
        worst = std::abs(a - n);
        where = fmt::format("element {}: backward says {}, differences say {}", i, a, n);
      }
    EXPECT_LE(worst, bounds.bound * std::max(1.0, largest)) << "gradient of " << what << ", " << where;
  };

  std::map<std::string, Plain> d_inputs, d_weights;
  const auto& c = node.checked();
  for (const CheckedInput& i : c.inputs)
    if (node.wants(i.port)) d_inputs[i.port] = node.d_input(i.port);
  for (const int w : c.weights) {
    const std::string& path = node.run().weights().weights()[static_cast<std::size_t>(w)].path;
    const std::string name = path.substr(path.rfind('.') + 1);
    d_weights[name] = node.d_weight(name);
  }
  EXPECT_FALSE(d_inputs.empty() && d_weights.empty()) << "nothing to compare";
  for (const auto& [port, analytic] : d_inputs)
    compare("input " + port, analytic, node.given(port),
            [&, port = port](const std::vector<float>& v) { node.set_input(port, v); });
  for (const auto& [name, analytic] : d_weights)
    compare("weight " + name, analytic, node.weight(name).values,
            [&, name = name](const std::vector<float>& v) { node.set_weight(name, v); });
  node.forward();
}

}  // namespace dagfusion::tests
