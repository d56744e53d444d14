#include "graph/document/fault.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

TEST(Fault, IsToldWithFileLineAndColumn) {
  const UserError error({"train.yaml", 14, 31}, "node 'a' (silu): 'x' is 0; it must be at least 1");
  EXPECT_STREQ(error.what(), "train.yaml:14:31: node 'a' (silu): 'x' is 0; it must be at least 1");
  ASSERT_EQ(error.faults().size(), 1u);
  EXPECT_EQ(error.faults()[0].where.line, 14);
}

TEST(Fault, NamesOnlyThePlaceThatThereIs) {
  EXPECT_EQ(to_string(Position{"command line", 0, 0}), "command line");
  EXPECT_STREQ(UserError(Position{}, "no checkpoint").what(), "no checkpoint");
}

TEST(Fault, ListsAllFaultsOnePerLine) {
  const UserError error({{{"a.yaml", 1, 2}, "first"}, {{"command line"}, "second"}});
  EXPECT_STREQ(error.what(), "a.yaml:1:2: first\ncommand line: second");
}

TEST(Suggestion, NamesTheNearestCandidate) {
  const std::vector<std::string> keys = {"path", "learning_rate", "warmup_steps"};
  EXPECT_EQ(suggestion("learnig_rate", keys), "; did you mean 'learning_rate'?");   // a letter left out
  EXPECT_EQ(suggestion("laerning_rate", keys), "; did you mean 'learning_rate'?");  // two letters swapped
  EXPECT_EQ(suggestion("learning_rates", keys), "; did you mean 'learning_rate'?");
  EXPECT_EQ(suggestion("Path", keys), "; did you mean 'path'?");
  EXPECT_EQ(suggestion("GroupNorm", {"linear", "group_norm"}), "; did you mean 'group_norm'?");
}

TEST(Suggestion, CountsASwapOfNeighboursAsOneMistake) {
  // Of four letters one may be wrong: "apth" is one swap, but two replacements, from "path".
  EXPECT_EQ(suggestion("apth", {"path"}), "; did you mean 'path'?");
  EXPECT_EQ(suggestion("apht", {"path"}), "; known are path");
}

TEST(Suggestion, PrefersTheNearerThenTheFirst) {
  EXPECT_EQ(suggestion("warmup_step", {"warm_up_stop", "warm_up_steps", "warmup_steps"}),
            "; did you mean 'warmup_steps'?");
  EXPECT_EQ(suggestion("x2", {"x0", "x1"}), "; did you mean 'x0'?");
}

TEST(Suggestion, ListsWhatIsKnownWhenNothingIsNear) {
  EXPECT_EQ(suggestion("huber", {"linear", "cosine"}), "; known are linear, cosine");
  EXPECT_EQ(suggestion("x", {"t"}), "; known are t");  // one letter off, but nothing in common
  EXPECT_EQ(suggestion("huber", {}), "");
}

TEST(Suggestion, ListsTwelveNamesAtMost) {
  std::vector<std::string> names;
  for (char c = 'a'; c < 'a' + 12; ++c) names.push_back(std::string(4, c));
  EXPECT_EQ(suggestion("zz", names),
            "; known are aaaa, bbbb, cccc, dddd, eeee, ffff, gggg, hhhh, iiii, jjjj, kkkk, llll");
  names.push_back("mmmm");
  EXPECT_EQ(suggestion("zz", names),
            "; known are aaaa, bbbb, cccc, dddd, eeee, ffff, gggg, hhhh, iiii, jjjj, kkkk, llll, …");
}

}  // namespace
}  // namespace dagfusion
