#include <gtest/gtest.h>

#include <cmath>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(Shape like, const std::string& parameters = "") {
  return OneNode("{type: gaussian_noise" + parameters + "}", {{"like", numbered(std::move(like))}});
}

TEST(GaussianNoise, HasTheShapeOfItsInput) {
  OneNode noise = node({2, 3, 4, 5});
  noise.forward();
  EXPECT_EQ(noise.output("noise").shape, Shape({2, 3, 4, 5}));
}

TEST(GaussianNoise, LooksAtTheShapeAloneWhateverTheDtype) {
  OneNode bytes("{type: gaussian_noise}", {{"like", numbered({2, 3, 4, 4})}},
                {.dtypes = {{"like", DType::u8}}});
  OneNode floats = node({2, 3, 4, 4});
  bytes.forward();
  floats.forward();
  EXPECT_EQ(bytes.output("noise").values, floats.output("noise").values);
}

TEST(GaussianNoise, HasTheMomentsOfAStandardGaussian) {
  // n = 65,536. Standard errors: mean 1/sqrt(n) = 0.0039, variance sqrt(2/n) = 0.0055, fourth moment
  // sqrt(96/n) = 0.038; five of them are allowed.
  OneNode noise = node({16, 1, 64, 64});
  noise.forward();
  double mean = 0, square = 0, fourth = 0;
  const std::vector<float> values = noise.output("noise").values;
  for (const double z : values) {
    mean += z;
    square += z * z;
    fourth += z * z * z * z;
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(mean / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(square / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96 / n));
}

TEST(GaussianNoise, GivesImageKTheSameNoiseInAnyFrame) {
  OneNode four = node({4, 1, 3, 3}), one = node({1, 1, 3, 3});
  four.at(8);
  four.forward();
  one.at(10);
  one.forward();
  const std::vector<float> all = four.output("noise").values, third = one.output("noise").values;
  EXPECT_EQ(std::vector<float>(all.begin() + 18, all.begin() + 27), third);
}

TEST(GaussianNoise, DrawsAnewForEveryIterationOfALoop) {
  OneNode noise = node({1, 1, 2, 2});
  noise.at(0, 0);
  noise.forward();
  const std::vector<float> first = noise.output("noise").values;
  noise.at(0, 1);
  noise.forward();
  EXPECT_NE(noise.output("noise").values, first);
}

TEST(GaussianNoise, DependsOnTheSeed) {
  OneNode one("{type: gaussian_noise}", {{"like", numbered({1, 4})}}, {.seed = 1});
  OneNode two("{type: gaussian_noise}", {{"like", numbered({1, 4})}}, {.seed = 2});
  one.forward();
  two.forward();
  EXPECT_NE(one.output("noise").values, two.output("noise").values);
}

TEST(GaussianNoise, RefusesAnUnknownShape) {
  EXPECT_EQ(refusal("{type: gaussian_noise, shape: modle}", {{"like", numbered({1, 4})}}),
            "test.yaml:1:31: node 'node' (gaussian_noise): 'shape' is 'modle'; did you mean 'model'?");
}

}  // namespace
}  // namespace dagfusion::tests
