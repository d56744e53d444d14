// The log of a run that is followed while it grows, and its losses as a line.
#include "tools/report/log_tail.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/scratch_folder.h"
#include "tools/show/sparkline.h"

namespace dagfusion::tests {
namespace {

TEST(LogTail, ReadsWhatHasCome) {
  const ScratchFolder folder;
  LogTail tail(folder / "metrics.csv");
  EXPECT_TRUE(tail.read().empty());
  std::ofstream(folder / "metrics.csv") << "step,images,seconds,loss\n1,8,0.5,0.25\n2,16,1.";
  EXPECT_EQ(tail.read().size(), 1u);
  std::ofstream(folder / "metrics.csv", std::ios::app) << "0,0.125\n3,24\n4,32,2.0,nan\n5,40,2.5,0.5\n";
  ASSERT_EQ(tail.read().size(), 3u);  // without the row that is not whole, and what is not finite
  EXPECT_EQ(tail.read()[1].loss, 0.125);
  EXPECT_EQ(tail.read()[1].seconds, 1.0);
  EXPECT_EQ(tail.read()[2].step, 5);
}

TEST(LogTail, BeginsAnewWhereTheRunGoesOnFromAnEarlierStep) {
  const ScratchFolder folder;
  LogTail tail(folder / "metrics.csv");
  std::ofstream(folder / "metrics.csv") << "step,loss\n1,1\n2,1\n3,1\n";
  EXPECT_EQ(tail.read().size(), 3u);
  std::ofstream(folder / "metrics.csv") << "step,loss\n1,1\n";
  EXPECT_EQ(tail.read().size(), 1u);
}

TEST(Sparkline, ShowsLossesByTheirOrderOfSize) {
  EXPECT_EQ(sparkline({}, 10), "");
  EXPECT_EQ(sparkline({1, 0.1, 0.01}, 10), "█▅▁");
  EXPECT_EQ(sparkline({1, 1, -1, -1}, 2), "█▁");
  EXPECT_EQ(sparkline({3, 3}, 5), "▁▁");
}

}  // namespace
}  // namespace dagfusion::tests
