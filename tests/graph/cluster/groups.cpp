// The fixed tree of the groups of a step, whoever has which of them.
#include "graph/cluster/groups.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

TEST(Groups, AreSharedAsEvenlyAsTheyCanBe) {
  EXPECT_EQ(groups_of(0, 1, 8).count(), 8);
  EXPECT_EQ(groups_of(0, 3, 8).first, 0);
  EXPECT_EQ(groups_of(0, 3, 8).end, 2);
  EXPECT_EQ(groups_of(1, 3, 8).end, 5);
  EXPECT_EQ(groups_of(2, 3, 8).end, 8);
}

TEST(Groups, AreThePowerOfTwoThatDividesTheFrames) {
  EXPECT_EQ(fitting_groups(1, 7), 1);
  EXPECT_EQ(fitting_groups(3, 16), 4);
  EXPECT_EQ(fitting_groups(4, 4), 4);
  EXPECT_EQ(fitting_groups(4, 6), 0);
}

TEST(Groups, NeedABufferForEachBitOfTheirNumber) {
  EXPECT_EQ(buffers_of({0, 1}), 1);
  EXPECT_EQ(buffers_of({0, 2}), 2);
  EXPECT_EQ(buffers_of({0, 8}), 4);
  EXPECT_EQ(buffers_of({4, 6}), 2);
}

TEST(Groups, JoinAsSoonAsBothNeighboursAreThere) {
  GroupTree tree;
  EXPECT_EQ(tree.add(0), 0);
  EXPECT_EQ(tree.add(1), 1);
  EXPECT_EQ(tree.add(2), 0);
  EXPECT_EQ(tree.add(3), 2);
  EXPECT_EQ(tree.sums(), (std::vector<Subtree>{{2, 0}}));
}

TEST(Groups, OfTheMiddleJoinOnlyWhatTheWholeTreeJoins) {
  EXPECT_EQ(subtrees_of({1, 4}), (std::vector<Subtree>{{0, 1}, {1, 1}}));
  EXPECT_EQ(subtrees_of({3, 5}), (std::vector<Subtree>{{0, 3}, {0, 4}}));
  EXPECT_EQ(subtrees_of({4, 8}), (std::vector<Subtree>{{2, 1}}));
}

// The parts of all ranks, in order, always join to the whole.
TEST(Groups, OfAllRanksAreTheWholeTree) {
  for (const int groups : {1, 2, 4, 8, 64})
    for (int ranks = 1; ranks <= groups; ++ranks) {
      GroupTree tree;
      for (int r = 0; r < ranks; ++r)
        for (const Subtree& sum : subtrees_of(groups_of(r, ranks, groups))) tree.add(sum);
      ASSERT_EQ(tree.sums().size(), 1u) << ranks << " ranks, " << groups << " groups";
      EXPECT_EQ(1 << tree.sums()[0].level, groups);
    }
}

}  // namespace
}  // namespace dagfusion
