#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

struct Digits {
  Plain images, label;
};

Digits draw(const std::string& yaml, int count, std::int64_t position = 0, std::uint64_t seed = 1) {
  OneNode node(yaml, {}, {.seed = seed}, count);
  node.at(position);
  node.forward();
  return {node.output("images"), node.output("label")};
}

TEST(DrawnDigits, DrawsWhiteDigitsInsideTheFrame) {
  const auto [images, label] = draw("{type: drawn_digits}", 200);
  EXPECT_EQ(images.shape, (Shape{200, 1, 32, 32}));
  std::set<float> seen;
  for (std::size_t i = 0; i < 200; ++i) {
    seen.insert(label.values[i]);
    const float* image = images.values.data() + i * 32 * 32;
    EXPECT_GE(*std::max_element(image, image + 32 * 32), 200.0f) << "image " << i;
    const float sum = std::accumulate(image, image + 32 * 32, 0.0f);
    EXPECT_GT(sum, 255.0f * 20) << "image " << i;
    EXPECT_LT(sum, 255.0f * 300) << "image " << i;
    for (std::size_t k = 0; k < 32; ++k)  // the outermost pixels stay black
      EXPECT_EQ(image[k] + image[31 * 32 + k] + image[k * 32] + image[k * 32 + 31], 0.0f) << "image " << i;
  }
  EXPECT_EQ(seen, (std::set<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(DrawnDigits, DependsOnSeedAndNumberOnly) {
  const Digits eight = draw("{type: drawn_digits}", 8), one = draw("{type: drawn_digits}", 1, 5);
  EXPECT_EQ(one.label.values[0], eight.label.values[5]);
  EXPECT_TRUE(
      std::equal(one.images.values.begin(), one.images.values.end(), eight.images.values.begin() + 5 * 1024));
  EXPECT_NE(draw("{type: drawn_digits}", 8, 0, 2).images.values, eight.images.values);
  EXPECT_EQ(draw("{type: drawn_digits, seed: 1}", 8, 0, 2).images.values, eight.images.values);
}

TEST(DrawnDigits, NeverRepeatsAnImage) {
  const Digits digits = draw("{type: drawn_digits}", 200);
  std::set<std::vector<float>> different;
  for (auto image = digits.images.values.begin(); image != digits.images.values.end(); image += 1024)
    different.emplace(image, image + 1024);
  EXPECT_EQ(different.size(), 200u);
}

TEST(DrawnDigits, WithoutVariationDrawsEveryDigitInOneWay) {
  const Digits digits = draw(
      "{type: drawn_digits, size: 16, fonts: [simplex], thickness: [1, 1], rotation: 0, scaling: 0, shift: "
      "0}",
      100);
  std::set<std::vector<float>> different;
  for (auto image = digits.images.values.begin(); image != digits.images.values.end(); image += 256)
    different.emplace(image, image + 256);
  EXPECT_EQ(different.size(), 10u);
}

TEST(DrawnDigits, CentresADigitThatIsNotShifted) {
  const Digits digits = draw(
      "{type: drawn_digits, fonts: [simplex], thickness: [2, 2], rotation: 0, scaling: 0, shift: 0}", 20);
  for (std::size_t i = 0; i < 20; ++i) {
    int left = 32, right = -1, top = 32, bottom = -1;
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x)
        if (digits.images.values[i * 1024 + static_cast<std::size_t>(y * 32 + x)] > 0) {
          left = std::min(left, x), right = std::max(right, x), top = std::min(top, y),
          bottom = std::max(bottom, y);
        }
    EXPECT_NEAR(left + right, 31, 1) << "image " << i;
    EXPECT_NEAR(top + bottom, 31, 1) << "image " << i;
  }
}

TEST(DrawnDigits, HasNoEndAndNamesWhatItDraws) {
  OneNode node("{type: drawn_digits}", {}, {.seed = 3}, 1);
  const auto& digits = dynamic_cast<const DataSet&>(node.node());
  EXPECT_EQ(digits.size(), std::nullopt);
  OneNode turned("{type: drawn_digits, rotation: 5}", {}, {.seed = 3}, 1);
  EXPECT_NE(digits.fingerprint(), dynamic_cast<const DataSet&>(turned.node()).fingerprint());
}

TEST(DrawnDigits, RefusesFontsItDoesNotHave) {
  EXPECT_EQ(refusal("{type: drawn_digits, fonts: [complx]}", {}),
            "test.yaml:1:30: node 'node' (drawn_digits): unknown font 'complx'; did you mean 'complex'?");
  EXPECT_EQ(refusal("{type: drawn_digits, fonts: []}", {}),
            "test.yaml:1:29: node 'node' (drawn_digits): 'fonts' is [], which leaves nothing to draw with");
}

TEST(DrawnDigits, RefusesLinesOutOfRange) {
  const std::string rule = "; it takes the thinnest and the thickest line, between 0.25 and 16";
  EXPECT_EQ(refusal("{type: drawn_digits, thickness: [2, 1]}", {}),
            "test.yaml:1:33: node 'node' (drawn_digits): 'thickness' is [2.0, 1.0]" + rule);
  EXPECT_EQ(refusal("{type: drawn_digits, thickness: [2]}", {}),
            "test.yaml:1:33: node 'node' (drawn_digits): 'thickness' is [2.0]" + rule);
}

TEST(DrawnDigits, KnowsItsClasses) {
  OneNode node("{type: drawn_digits}", {}, {}, 1);
  EXPECT_EQ(dynamic_cast<const DataSet&>(node.node()).class_names(),
            (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
}

}  // namespace
}  // namespace dagfusion::tests
