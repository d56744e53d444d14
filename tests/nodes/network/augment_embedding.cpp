#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// weight = 1 2    label = 3 4 -> 3 + 8 = 11, 15 + 24 = 39
//          5 6
TEST(AugmentEmbedding, AddsALinearMapOfTheLabel) {
  OneNode node("{type: augment_embedding, length: 2}",
               {{"x", {{1, 2}, {100, 200}}}, {"label", {{1, 2}, {3, 4}}}});
  node.set_weight("weight", {1, 2, 5, 6});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{111, 239}));
}

TEST(AugmentEmbedding, AddsNothingWhereNoLabelIsWired) {
  OneNode node("{type: augment_embedding, length: 2}", {{"x", {{1, 2}, {100, 200}}}}, {.training = true});
  EXPECT_EQ(node.weight("weight").shape, (Shape{2, 2}));
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{100, 200}));
  expect_gradients_match(node, {.h = 0.25, .bound = 1e-3});
}

TEST(AugmentEmbedding, GradientsMatchDifferences) {
  OneNode node("{type: augment_embedding, length: 9}",
               {{"x", gaussian({3, 8}, 1)}, {"label", gaussian({3, 9}, 2)}}, {.training = true});
  expect_gradients_match(node, {.h = 0.25, .bound = 1e-3});
}

TEST(AugmentEmbedding, RefusesALabelOfAnotherLength) {
  EXPECT_EQ(refusal("{type: augment_embedding, length: 9}",
                    {{"x", gaussian({1, 8}, 1)}, {"label", gaussian({1, 6}, 2)}}),
            "test.yaml:1:1: node 'node' (augment_embedding): input 'label' is [1,6], but 'length' is 9");
}

}  // namespace
}  // namespace dagfusion::tests
