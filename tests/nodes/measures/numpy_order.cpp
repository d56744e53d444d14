#include "nodes/measures/numpy_order.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

// numpy.random.RandomState(2020).permutation(10), twice from one state, and choice(10, 4, replace=False) after that.
TEST(NumpyOrder, IsNumpys) {
  NumpyOrder order(2020);
  using Order = std::vector<std::size_t>;
  EXPECT_EQ(order.permutation(10), (Order{2, 4, 9, 1, 5, 7, 6, 3, 8, 0}));
  EXPECT_EQ(order.permutation(10), (Order{5, 7, 6, 4, 3, 1, 2, 8, 9, 0}));
  EXPECT_EQ(order.choice(10, 4), (Order{1, 9, 2, 8}));
}

}  // namespace
}  // namespace dagfusion
