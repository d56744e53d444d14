#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode dropping(const std::string& probability, int images) {
  Plain label{{images}, std::vector<float>(static_cast<std::size_t>(images), 7)};
  return OneNode("{type: drop_label, probability: " + probability + "}", {{"label", std::move(label)}},
                 {.dtypes = {{"label", DType::i32}}}, images);
}

TEST(DropLabel, TakesTheShareThatItsProbabilitySays) {
  OneNode node = dropping("0.1", 4000);
  node.forward();
  const std::vector<float> out = node.output("out").values;
  EXPECT_NEAR(static_cast<double>(std::count(out.begin(), out.end(), -1.0f)), 400, 57);  // 3 standard errors
  EXPECT_EQ(std::count(out.begin(), out.end(), -1.0f) + std::count(out.begin(), out.end(), 7.0f), 4000);
}

TEST(DropLabel, TakesNoneOrAll) {
  OneNode none = dropping("0", 100), all = dropping("1", 100);
  none.forward();
  all.forward();
  EXPECT_EQ(none.output("out").values, std::vector<float>(100, 7));
  EXPECT_EQ(all.output("out").values, std::vector<float>(100, -1));
}

TEST(DropLabel, ThrowsForEachImageByItsNumber) {
  OneNode many = dropping("0.5", 64), one = dropping("0.5", 1);
  many.at(100);
  many.forward();
  for (int n = 0; n < 64; ++n) {
    one.at(100 + n);
    one.forward();
    EXPECT_EQ(one.output("out").values[0], many.output("out").values[static_cast<std::size_t>(n)]);
  }
}

}  // namespace
}  // namespace dagfusion::tests
