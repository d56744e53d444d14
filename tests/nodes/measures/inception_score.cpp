#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

const Plain kLogits = {{4, 3}, {2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 1, 0}};

double score(const std::string& more) {
  return measured("{type: inception_score, " + more + "}", {{"logits", kLogits}}, "inception_score")
      .at("score");
}

// Computed in float64 with NumPy from the formula.
TEST(InceptionScore, IsTheMeanOverSplits) {
  EXPECT_NEAR(score("splits: 1"), 1.405691886, 1e-8);
  EXPECT_NEAR(score("splits: 2, drawn_order: false"), 1.291060866, 1e-8);
}

TEST(InceptionScore, IsOneForImagesThatAreAllAlike) {
  EXPECT_NEAR(measured("{type: inception_score, splits: 2}", {{"logits", {{4, 2}, {5, 1, 5, 1, 5, 1, 5, 1}}}},
                       "inception_score")
                  .at("score"),
              1, 1e-12);
}

TEST(InceptionScore, IsTheNumberOfClassesForSureAndEvenImages) {
  EXPECT_NEAR(measured("{type: inception_score, splits: 1}",
                       {{"logits", {{3, 3}, {1000, 0, 0, 0, 1000, 0, 0, 0, 1000}}}}, "inception_score")
                  .at("score"),
              3, 1e-12);
}

TEST(InceptionScore, SaysThatThereAreTooFewImages) {
  EXPECT_TRUE(measured("{type: inception_score}", {{"logits", kLogits}}, "inception_score").empty());
}

}  // namespace
}  // namespace dagfusion::tests
