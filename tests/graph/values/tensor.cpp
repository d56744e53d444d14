#include "graph/values/tensor.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

TEST(Tensor, KnowsTheBytesOfEachDtype) {
  EXPECT_EQ(size_of(DType::u8), 1u);
  EXPECT_EQ(size_of(DType::u16), 2u);
  EXPECT_EQ(size_of(DType::bf16), 2u);
  EXPECT_EQ(size_of(DType::i32), 4u);
  EXPECT_EQ(size_of(DType::f32), 4u);
  EXPECT_EQ(size_of(DType::images), 0u);
}

TEST(Tensor, CountsTheElementsOfAShape) {
  EXPECT_EQ(count_of({8, 3, 32, 32}), 24576);
  EXPECT_EQ(count_of({}), 1);  // a scalar
  EXPECT_EQ(count_of({4, 0}), 0);
}

TEST(Tensor, FillsTheLastBlockOfChannelsUp) {
  // 30 channels in blocks of 8 take four blocks: 32 channels.
  const TensorSpec spec{DType::f32, {2, 30, 4, 5}, 8};
  EXPECT_EQ(spec.stored_elements(), 2u * 32 * 4 * 5);
  EXPECT_EQ(spec.bytes(), 4u * 2 * 32 * 4 * 5);
  EXPECT_EQ((TensorSpec{DType::u8, {2, 30, 4, 5}}).bytes(), 2u * 30 * 4 * 5);
  EXPECT_EQ((TensorSpec{DType::f32, {2, 32, 4, 5}, 16}).stored_elements(), 2u * 32 * 4 * 5);
}

TEST(Tensor, RefusesBlocksOfOtherThanFourSides) {
  try {
    (TensorSpec{DType::f32, {2, 30}, 8}).stored_elements();
    FAIL() << "no refusal";
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "only 4-dimensional values are blocked, not [2,30]");
  }
}

TEST(Tensor, IsWrittenAsShapeDtypeAndLayout) {
  EXPECT_EQ(to_string(Shape{8, 3, 32, 32}), "[8,3,32,32]");
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(TensorSpec{DType::f32, {8, 3, 32, 32}}), "[8,3,32,32] f32");
  EXPECT_EQ(to_string(TensorSpec{DType::bf16, {8, 64, 32, 32}, 8}), "[8,64,32,32] bf16 blocked by 8");
}

TEST(Catalog, FindsTypesAndSectionsByName) {
  const Catalog catalog{.nodes = {{.name = "silu"}, {.name = "linear"}}, .sections = {{.name = "diffusion"}}};
  EXPECT_EQ(catalog.find("linear"), &catalog.nodes[1]);
  EXPECT_EQ(catalog.find("liner"), nullptr);
  EXPECT_EQ(catalog.section("diffusion"), &catalog.sections[0]);
  EXPECT_EQ(catalog.section("silu"), nullptr);
}

}  // namespace
}  // namespace dagfusion
