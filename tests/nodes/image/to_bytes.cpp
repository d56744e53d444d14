#include <gtest/gtest.h>

#include <limits>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::vector<float> bytes_of(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  OneNode node("{type: to_bytes}", {{"x", {{1, count}, std::move(values)}}});
  node.forward();
  EXPECT_EQ(node.output_spec("y").dtype, DType::u8);
  return node.output("y").values;
}

TEST(ToBytes, RoundsToTheNearestByte) {
  // (-0.6 + 1) * 127.5 = 51; (0.99 + 1) * 127.5 = 253.7, which code that cuts the fraction off makes 253.
  EXPECT_EQ(bytes_of({-1.0f, -0.6f, 0.99f, 1.0f}), (std::vector<float>{0, 51, 254, 255}));
}

TEST(ToBytes, RoundsHalvesToTheEvenByte) {
  // (0 + 1) * 127.5 = 127.5 lies between 127 and 128; (-1 + 1 / 255) * 127.5 = 0.5 between 0 and 1.
  EXPECT_EQ(bytes_of({0.0f}), std::vector<float>{128});
}

TEST(ToBytes, ClipsWhatLiesOutside) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(bytes_of({-1.5f, 1.5f, -infinity, infinity}), (std::vector<float>{0, 255, 0, 255}));
}

TEST(ToBytes, MakesNotANumberBlack) {
  EXPECT_EQ(bytes_of({std::numeric_limits<float>::quiet_NaN()}), std::vector<float>{0});
}

}  // namespace
}  // namespace dagfusion::tests
