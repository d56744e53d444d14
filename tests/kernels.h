// Shared by the tests of the kernels: every instruction set, random arrays, bounds on differences.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nodes/kernels/instruction_set.h"
#include "nodes/kernels/reference.h"

namespace dagfusion::kernels {

template <class Check>
void with_every_instruction_set(const Check& check) {
  for (const auto& name : instruction_sets()) {
    SCOPED_TRACE(name);
    use_instruction_set(name);
    check();
  }
  use_instruction_set(instruction_sets().front());
}

inline std::vector<float> random_floats(std::size_t n, std::uint32_t seed, double deviation = 1,
                                        double mean = 0) {
  std::vector<double> normal(n);
  reference::gaussian(RandomStream{.key = {seed, 1}}, normal.data(), n);
  std::vector<float> values(n);
  std::ranges::transform(normal, values.begin(),
                         [&](double z) { return static_cast<float>(mean + deviation * z); });
  return values;
}

// |actual - expected| <= absolute + relative * |expected|, for every element; names the first that is not.
inline void expect_close(const std::vector<float>& actual, const std::vector<float>& expected,
                         double absolute, double relative = 0) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::abs(double{actual[i]} - expected[i]);
    ASSERT_LE(difference, absolute + relative * std::abs(expected[i]))
        << "element " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

}  // namespace dagfusion::kernels
