#include "nodes/files/grid_walk.h"

#include <gtest/gtest.h>

namespace dagfusion::tests {
namespace {

using Numbers = std::vector<std::int64_t>;

TEST(GridWalk, GoesThroughAllIndicesTheLastOneTheFastest) {
  const Numbers sides = {2, 1, 3};
  Numbers index(3);
  std::vector<Numbers> seen;
  do {
    seen.push_back(index);
    EXPECT_EQ(place_in(sides, index), static_cast<std::int64_t>(seen.size()) - 1);
  } while (to_next(index, sides));
  EXPECT_EQ(seen, (std::vector<Numbers>{{0, 0, 0}, {0, 0, 1}, {0, 0, 2}, {1, 0, 0}, {1, 0, 1}, {1, 0, 2}}));
  EXPECT_EQ(index, Numbers(3));
}

TEST(GridWalk, HasOneIndexWhereThereAreNoSides) {
  Numbers none;
  EXPECT_FALSE(to_next(none, none));
  EXPECT_EQ(place_in(none, none), 0);
  Numbers seen;
  for_each_place(7, none, none, [&](std::int64_t place) { seen.push_back(place); });
  EXPECT_EQ(seen, Numbers{7});
}

TEST(GridWalk, FollowsStrides) {
  const auto places = [](std::int64_t begin, const Numbers& sides, const Numbers& strides) {
    Numbers seen;
    for_each_place(begin, sides, strides, [&](std::int64_t place) { seen.push_back(place); });
    return seen;
  };
  EXPECT_EQ(places(0, {2, 3}, {3, 1}), (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(places(0, {2, 3}, {1, 2}), (Numbers{0, 2, 4, 1, 3, 5}));  // the first index moves fastest
  EXPECT_EQ(places(5, {2, 2}, {0, 4}), (Numbers{5, 9, 5, 9}));        // one row, seen twice
}

}  // namespace
}  // namespace dagfusion::tests
