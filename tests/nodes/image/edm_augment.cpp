#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

struct Changed {
  std::vector<float> images, label;
};

Changed changed(const std::string& probability, const Plain& images, std::int64_t position = 0) {
  OneNode node("{type: edm_augment, probability: " + probability + "}", {{"x", images}}, {},
               static_cast<int>(images.shape[0]));
  node.at(position);
  node.forward();
  return {node.output("y").values, node.output("label").values};
}

// With probability 0 images are only mirrored, half of them, and the label says which.
TEST(EdmAugment, MirrorsAndSaysSo) {
  int mirrored = 0;
  for (int position = 0; position < 100; ++position) {
    const auto [image, label] = changed("0", {{1, 1, 1, 3}, {1, 2, 3}}, position);
    EXPECT_EQ(image, label[0] == 1 ? (std::vector<float>{3, 2, 1}) : (std::vector<float>{1, 2, 3}));
    EXPECT_EQ(std::vector<float>(label.begin() + 1, label.end()), std::vector<float>(8, 0));
    mirrored += label[0] == 1;
  }
  EXPECT_NEAR(mirrored, 50, 15);  // 3 standard errors
}

TEST(EdmAugment, MakesEachChangeAsOftenAsItIsTold) {
  const int images = 4000;
  const auto [out, label] = changed("0.2", {{images, 1, 1, 1}, std::vector<float>(images, 1)});
  std::vector<int> times(9);
  for (std::size_t i = 0; i < label.size(); ++i) times[i % 9] += label[i] != 0;
  EXPECT_NEAR(times[0], images * 0.5, 95);  // 3 standard errors
  EXPECT_NEAR(times[1], images * 0.1, 57);
  for (const int place : {2, 3, 4, 5, 7, 8})
    EXPECT_NEAR(times[static_cast<std::size_t>(place)], images * 0.2, 76) << place;
  EXPECT_NEAR(times[6], images * 0.1, 57);  // a direction of its own, for half of those that are stretched
}

TEST(EdmAugment, LabelsHaveTheSpreadOfTheirDraws) {
  const int images = 4000;
  const auto [out, label] = changed("1", {{images, 1, 1, 1}, std::vector<float>(images, 1)});
  std::vector<double> squares(9);
  for (std::size_t i = 0; i < label.size(); ++i) squares[i % 9] += double{label[i]} * label[i] / images;
  for (const std::size_t place : {2, 7, 8}) EXPECT_NEAR(squares[place], 1, 0.07) << place;  // w ~ N(0,1)
  EXPECT_NEAR(squares[3], 1.5, 0.09);  // of cos - 1: 1/2 + 1
  EXPECT_NEAR(squares[4], 0.5, 0.04);  // of sin
  EXPECT_NEAR(squares[5] + squares[6], 1, 0.07);
}

// A dot moves by as much as labels 7 and 8 say: an eighth of the sides for each unit, about the middle.
TEST(EdmAugment, MovesAsItsLabelSays) {
  Plain image{{1, 1, 33, 33}, std::vector<float>(33 * 33, 0)};
  image.values[16 * 33 + 16] = 1;
  int seen = 0;
  for (int position = 0; position < 400 && seen < 10; ++position) {
    const auto [out, label] = changed("0.4", image, position);
    const double right = 0.125 * 33 * label[7], down = 0.125 * 33 * label[8];
    const bool only_moved =
        label[7] != 0 && std::all_of(label.begin() + 2, label.begin() + 7, [](float l) { return l == 0; });
    if (!only_moved || std::abs(right) > 10 || std::abs(down) > 10) continue;
    ++seen;
    double sum = 0, x = 0, y = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      sum += out[i];
      x += out[i] * static_cast<double>(i % 33);
      y += out[i] * static_cast<double>(i / 33);
    }
    EXPECT_NEAR(x / sum - 16, right, 0.1) << position;
    EXPECT_NEAR(y / sum - 16, down, 0.1) << position;
  }
  EXPECT_EQ(seen, 10);
}

TEST(EdmAugment, ChangesEachImageByItsNumber) {
  const Plain one = gaussian({1, 2, 8, 8}, 1);
  Plain two{{2, 2, 8, 8}, one.values};
  two.values.insert(two.values.end(), one.values.begin(), one.values.end());
  const Changed alone = changed("0.8", one, 7), both = changed("0.8", two, 6);
  EXPECT_EQ(alone.images, std::vector<float>(both.images.begin() + 128, both.images.end()));
  EXPECT_EQ(alone.label, std::vector<float>(both.label.begin() + 9, both.label.end()));
}

}  // namespace
}  // namespace dagfusion::tests
