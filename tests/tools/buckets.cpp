// Curves in few points, and files of numbers that a killed run left.
#include "tools/report/buckets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/fixtures/scratch_folder.h"
#include "tools/report/csv_table.h"

namespace dagfusion::tests {
namespace {

TEST(Buckets, KeepMeanAndExtremes) {
  const Bucketed made = in_buckets({1, 5, 3, -2, 7, 7, 0}, 2);  // 3 rows, then 4
  EXPECT_EQ(made.mean, (std::vector<double>{3, 3}));
  EXPECT_EQ(made.least, (std::vector<double>{1, -2}));
  EXPECT_EQ(made.most, (std::vector<double>{5, 7}));
}

TEST(Buckets, LeaveShortCurvesAsTheyAre) {
  const std::vector<double> values = {0.1, 0.25, 1e-7};
  EXPECT_EQ(in_buckets(values, buckets_of(values.size(), 1600)).mean, values);
}

TEST(Buckets, AreEmptyWhereNothingIsFinite) {
  const Bucketed made = in_buckets({NAN, INFINITY, 4, NAN}, 2);
  EXPECT_TRUE(std::isnan(made.mean[0]));
  EXPECT_EQ(made.mean[1], 4);
}

CsvTable table_of(const std::string& text, const std::string& key = "") {
  const ScratchFolder folder;
  std::ofstream(folder / "metrics.csv") << text;
  return read_csv(folder / "metrics.csv", key);
}

TEST(CsvTable, ReadsNumbersByColumn) {
  const CsvTable table = table_of("step,loss,where\n1,0.5,a/b\n2,,\n3,-inf,x\n");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"step", "loss", "where"}));
  EXPECT_EQ(table.values[0], (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(table.values[1][0], 0.5);
  EXPECT_TRUE(std::isnan(table.values[1][1]));
  EXPECT_EQ(table.values[1][2], -INFINITY);
  EXPECT_TRUE(table.left_out.empty());
}

TEST(CsvTable, LeavesOutRowsThatAreNotWhole) {
  const CsvTable table =
      table_of(std::string("step,loss\n1,0.5\n2\n") + std::string(6, '\0') + ",1\n4,0.25\n5,0.1", "step");
  EXPECT_EQ(table.values[0], (std::vector<double>{1, 4}));
  EXPECT_EQ(table.left_out, (std::vector<std::string>{"metrics.csv:3: not a whole row, left out",
                                                      "metrics.csv:4: not a whole row, left out",
                                                      "metrics.csv:6: not a whole row, left out"}));
}

TEST(CsvTable, OfNothingHasNoRows) {
  EXPECT_EQ(table_of("").rows(), 0u);
  EXPECT_EQ(table_of("step,loss\n").rows(), 0u);
}

}  // namespace
}  // namespace dagfusion::tests
