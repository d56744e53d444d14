#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(ToSigned, MapsBytesToMinusOneToOne) {
  // 0 / 127.5 - 1 = -1; 51 / 127.5 = 0.4; 102 / 127.5 = 0.8; 255 / 127.5 = 2.
  OneNode node("{type: to_signed}", {{"x", {{1, 1, 2, 2}, {0, 51, 102, 255}}}},
               {.dtypes = {{"x", DType::u8}}});
  node.forward();
  const std::vector<float> y = node.output("y").values;
  EXPECT_EQ(node.output_spec("y"), (TensorSpec{DType::f32, {1, 1, 2, 2}}));
  EXPECT_EQ(y[0], -1.0f);
  EXPECT_NEAR(y[1], -0.6f, 1e-6f);
  EXPECT_NEAR(y[2], -0.2f, 1e-6f);
  EXPECT_EQ(y[3], 1.0f);
}

TEST(ToSigned, IsUndoneByToBytesForEveryByte) {
  const Plain bytes = numbered({1, 256});
  OneNode there("{type: to_signed}", {{"x", bytes}}, {.dtypes = {{"x", DType::u8}}});
  there.forward();
  OneNode back("{type: to_bytes}", {{"x", there.output("y")}});
  back.forward();
  EXPECT_EQ(back.output("y").values, bytes.values);
}

}  // namespace
}  // namespace dagfusion::tests
