#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

// 0 1    2 3
// 2 3 -> 0 1, in both channels
TEST(RandomVerticalFlip, TurnsImagesUpsideDown) {
  EXPECT_EQ(augmented("{type: random_vertical_flip, probability: 1}", numbered({1, 2, 2, 2})),
            (std::vector<float>{2, 3, 0, 1, 6, 7, 4, 5}));
  EXPECT_EQ(augmented("{type: random_vertical_flip, probability: 0}", numbered({1, 2, 2, 2})),
            numbered({1, 2, 2, 2}).values);
}

TEST(RandomVerticalFlip, TurnsTheShareThatItsProbabilitySays) {
  const std::vector<float> out =
      augmented("{type: random_vertical_flip, probability: 0.25}", {{1000, 1, 2, 1}, [] {
                                                                      std::vector<float> pairs;
                                                                      for (int i = 0; i < 1000; ++i)
                                                                        pairs.insert(pairs.end(), {0, 1});
                                                                      return pairs;
                                                                    }()});
  int turned = 0;
  for (std::size_t i = 0; i < out.size(); i += 2) turned += out[i] == 1;
  EXPECT_NEAR(turned, 250, 42);  // 3 standard errors
}

}  // namespace
}  // namespace dagfusion::tests
