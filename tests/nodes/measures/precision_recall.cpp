#include "nodes/measures/precision_recall.h"

#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

using Scores = std::map<std::string, double>;

Scores scores(const Plain& samples, const Plain& real, const std::string& more = "") {
  return measured("{type: precision_recall" + more + "}", {{"samples", samples}, {"reference", real}},
                  "precision_recall");
}

// Nearest neighbours are 1, 1, 1 and 5 away among the real ones, .806, .806 and 11.834 among the others.
// (.5,.5) lies in all four balls, (1.2,.1) in two, (9,9) in none: a density of (4 + 2) / 3. All real ones lie in the last
// ball of 11.834.
TEST(PrecisionRecall, CountsBalls) {
  const Features real{.size = 2, .values = {0, 0, 1, 0, 0, 1, 4, 4}};
  const Features drawn{.size = 2, .values = {.5f, .5f, 1.2f, .1f, 9, 9}};
  const PrecisionRecallScores s = precision_recall_scores(drawn, real, 1, 1);
  EXPECT_NEAR(s.precision, 2.0 / 3, 1e-12);
  EXPECT_EQ(s.recall, 1);
  EXPECT_EQ(s.density, 2);
  EXPECT_EQ(s.coverage, 1);
}

// Swapped, the two heaps give the other's number: which is which is easily mixed up.
TEST(PrecisionRecall, ACollapsedGeneratorHasHighPrecisionAndLowRecall) {
  const Plain real = gaussian({200, 4}, 1);
  Plain collapsed = gaussian({200, 4}, 2);
  for (float& v : collapsed.values) v *= 0.05f;  // all close to the middle of the real ones
  const Scores right = scores(collapsed, real), swapped = scores(real, collapsed);
  EXPECT_GT(right.at("precision"), 0.95);
  EXPECT_LT(right.at("recall"), 0.05);
  EXPECT_LT(swapped.at("precision"), 0.05);
  EXPECT_GT(swapped.at("recall"), 0.95);
}

TEST(PrecisionRecall, AreOneForTheSameImages) {
  const Plain real = gaussian({50, 3}, 3);
  const Scores s = scores(real, real);
  EXPECT_EQ(s.at("precision"), 1);
  EXPECT_EQ(s.at("recall"), 1);
  EXPECT_EQ(s.at("coverage"), 1);
}

}  // namespace
}  // namespace dagfusion::tests
