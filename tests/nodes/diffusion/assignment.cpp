#include "nodes/diffusion/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "graph/values/random.h"

namespace dagfusion::tests {
namespace {

double total(const std::vector<double>& cost, const std::vector<int>& columns) {
  double sum = 0;
  for (std::size_t row = 0; row < columns.size(); ++row) sum += cost[row * columns.size() + columns[row]];
  return sum;
}

// The least total of all permutations.
double least(const std::vector<double>& cost, int n) {
  std::vector<int> columns(n);
  std::iota(columns.begin(), columns.end(), 0);
  double found = total(cost, columns);
  while (std::next_permutation(columns.begin(), columns.end())) found = std::min(found, total(cost, columns));
  return found;
}

std::vector<double> random_costs(int n, std::uint64_t image) {
  const RandomStream stream{.key = stream_key(1, "costs"), .image = image};
  std::vector<double> cost(n * n);
  for (int i = 0; i < n * n; ++i) cost[i] = uniform01(stream.block(i)[0]) - .5;
  return cost;
}

TEST(Assignment, IsTheCheapestOfAllPermutations) {
  for (int n = 1; n <= 7; ++n)
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
      const std::vector<double> cost = random_costs(n, trial);
      std::vector<int> columns = cheapest_assignment(cost, n);
      EXPECT_NEAR(total(cost, columns), least(cost, n), 1e-12);
      std::sort(columns.begin(), columns.end());
      for (int i = 0; i < n; ++i) EXPECT_EQ(columns[i], i);
    }
}

// Whoever takes the cheapest pair first pays 1 + 100; the best is 2 + 3.
TEST(Assignment, DoesNotTakeTheCheapestPairFirst) {
  EXPECT_EQ(cheapest_assignment({1, 2, 3, 100}, 2), (std::vector<int>{1, 0}));
}

TEST(Assignment, LeavesOrderWhereAllCostTheSame) {
  EXPECT_EQ(cheapest_assignment(std::vector<double>(16), 4), (std::vector<int>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace dagfusion::tests
