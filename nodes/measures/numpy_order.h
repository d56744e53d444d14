// The orders that NumPy's RandomState draws, number for number, so that measures which draw subsets give what
// other programs give that draw them so (torch-fidelity).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace dagfusion {

class NumpyOrder {
 public:
  explicit NumpyOrder(std::uint32_t seed) : words_(seed) {}

  // 0 … count - 1 in another order each time: RandomState.permutation(), Fisher and Yates from the end.
  std::vector<std::size_t> permutation(std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = count; i-- > 1;) std::swap(order[i], order[up_to(static_cast<std::uint32_t>(i))]);
    return order;
  }

  // Some of them, none twice: RandomState.choice(count, some, replace=False).
  std::vector<std::size_t> choice(std::size_t count, std::size_t some) {
    std::vector<std::size_t> order = permutation(count);
    order.resize(some);
    return order;
  }

 private:
  // [0, most]: words cut down to as many bits as `most` has, until one fits.
  std::size_t up_to(std::uint32_t most) {
    std::uint32_t mask = most;
    for (const int shift : {1, 2, 4, 8, 16}) mask |= mask >> shift;
    for (;;)
      if (const std::uint32_t word = static_cast<std::uint32_t>(words_()) & mask; word <= most) return word;
  }

  std::mt19937 words_;
};

}  // namespace dagfusion
