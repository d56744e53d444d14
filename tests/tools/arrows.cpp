#include "tools/show/arrows.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

TEST(Arrows, TakesThoseThatPassTooManyRows) {
  // a to d in a row, and one from a past the others
  std::set<Arrow> arrows{{"a", "b", ""}, {"b", "c", ""}, {"c", "d", ""}, {"a", "c", ""}, {"a", "d", "far"}};
  const std::vector<Arrow> taken = take_long_arrows(arrows, 2);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0], (Arrow{"a", "d", "far"}));
  EXPECT_EQ(arrows.size(), 4u);
  EXPECT_EQ(arrows.count({"a", "d", "far"}), 0u);
}

TEST(Arrows, LeavesThoseOfASmallDrawing) {
  std::set<Arrow> arrows{{"a", "b", ""}, {"b", "c", ""}, {"a", "c", ""}};
  EXPECT_TRUE(take_long_arrows(arrows, 2).empty());
  EXPECT_EQ(arrows.size(), 3u);
}

}  // namespace
}  // namespace dagfusion
