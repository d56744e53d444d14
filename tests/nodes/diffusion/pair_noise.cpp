#include <gtest/gtest.h>

#include <algorithm>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(const Plain& x0, const Plain& noise) {
  return OneNode("{type: pair_noise}", {{"x0", x0}, {"noise", noise}});
}

// Images at 0, 10 and 20; noise at 19, 1 and 11: each goes where it is one off.
TEST(PairNoise, GivesEachImageTheNoiseThatIsNear) {
  OneNode paired = node({{3, 1}, {0, 10, 20}}, {{3, 1}, {19, 1, 11}});
  paired.forward();
  EXPECT_EQ(paired.output("out").values, std::vector<float>({1, 11, 19}));
}

// Pairs 0-1 and 3-2 would leave 0 with 2: the sum of squares counts, not the nearest of each.
// x0 = 0, 3 and noise = 2, 9: |0-2|^2 + |3-9|^2 = 40, |0-9|^2 + |3-2|^2 = 82.
TEST(PairNoise, MakesTheSumOfTheSquaresSmall) {
  OneNode paired = node({{2, 1}, {0, 3}}, {{2, 1}, {9, 2}});
  paired.forward();
  EXPECT_EQ(paired.output("out").values, std::vector<float>({2, 9}));
}

TEST(PairNoise, KeepsAllTheNoiseThereIs) {
  const Plain noise = gaussian({8, 3, 2, 2}, 1);
  OneNode paired = node(gaussian({8, 3, 2, 2}, 2), noise);
  paired.forward();
  std::vector<float> before = noise.values, after = paired.output("out").values;
  EXPECT_NE(before, after);
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  EXPECT_EQ(before, after);
}

TEST(PairNoise, LeavesOutImagesThatOnlyFillUpTheFrame) {
  OneNode paired = node({{3, 1}, {0, 10, 20}}, {{3, 1}, {11, 1, 0}});
  paired.at(0, 0, 2);
  paired.forward();
  EXPECT_EQ(paired.output("out").values, std::vector<float>({1, 11, 0}));
}

TEST(PairNoise, RefusesNoiseOfAnotherShape) {
  EXPECT_EQ(refusal("{type: pair_noise}", {{"x0", numbered({2, 3})}, {"noise", numbered({2, 4})}}),
            "test.yaml:1:1: node 'node' (pair_noise): input 'noise' is [2,4], but input 'x0' is [2,3]: the "
            "sides from "
            "number 2 on must agree");
}

}  // namespace
}  // namespace dagfusion::tests
