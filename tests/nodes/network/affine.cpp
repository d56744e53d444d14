#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Affine, MultipliesAndAdds) {
  OneNode affine("{type: affine, factor: 2, offset: -1}", {{"x", {{1, 3}, {0, 0.25f, 1}}}});
  affine.forward();
  EXPECT_EQ(affine.output("y").values, (std::vector<float>{-1, -0.5f, 1}));
}

TEST(Affine, HasTheGradientsOfFiniteDifferences) {
  OneNode affine("{type: affine, factor: -3, offset: 2}", {{"x", gaussian({2, 6}, 1)}}, {.training = true});
  expect_gradients_match(affine);
}

}  // namespace
}  // namespace dagfusion::tests
