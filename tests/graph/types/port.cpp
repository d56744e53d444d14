#include "graph/types/port.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dagfusion {
namespace {

std::string refusal(const std::string& spec) {
  try {
    parse_port(spec);
    return "";
  } catch (const std::logic_error& error) {
    return error.what();
  }
}

// Binds `shape` to a port; what is wrong, or "".
std::string bind(Sides& sides, const std::string& name, const std::string& spec, const Shape& shape) {
  return sides.bind({.name = name, .spec = spec}, parse_port(spec), shape).value_or("");
}

TEST(Port, ReadsSidesDtypeAndLayout) {
  const PortSpec spec = parse_port("[N,C,H,W] act blocked");
  EXPECT_EQ(spec.sides, (std::vector<std::string>{"N", "C", "H", "W"}));
  EXPECT_EQ(spec.dtype, "act");
  EXPECT_EQ(spec.layout, "blocked");
}

TEST(Port, ReadsScalarsNumbersAndOpenEnds) {
  EXPECT_TRUE(parse_port("[] f32").sides.empty());
  EXPECT_EQ(parse_port("[N,3,H,W] u8").sides[1], "3");
  EXPECT_EQ(parse_port("[N,...] any free").sides, (std::vector<std::string>{"N", "..."}));
  EXPECT_EQ(parse_port("[...] any").layout, "");
}

TEST(Port, RefusesSpecsThatAreMalformed) {
  EXPECT_EQ(refusal(""), "port '': it opens with a shape, like '[N,C,H,W] f32'");
  EXPECT_EQ(refusal("N,C f32"), "port 'N,C f32': it opens with a shape, like '[N,C,H,W] f32'");
  EXPECT_EQ(refusal("[N,C f32"), "port '[N,C f32': it opens with a shape, like '[N,C,H,W] f32'");
  EXPECT_EQ(refusal("[N,] f32"), "port '[N,] f32': a side is a letter, a number or '...', not ''");
  EXPECT_EQ(refusal("[N, C] f32"), "port '[N, C] f32': a side is a letter, a number or '...', not ' C'");
  EXPECT_EQ(refusal("[0] f32"), "port '[0] f32': a side is a letter, a number or '...', not '0'");
  EXPECT_EQ(refusal("[...,N] f32"), "port '[...,N] f32': '...' stands at the end");
  EXPECT_EQ(refusal("[N]"), "port '[N]': the dtype is one of u8, u16, i32, f32, images, act, float, any");
  EXPECT_EQ(refusal("[N] f64"),
            "port '[N] f64': the dtype is one of u8, u16, i32, f32, images, act, float, any");
  EXPECT_EQ(refusal("[N] f32 plain"),
            "port '[N] f32 plain': the layout is nothing, 'blocked', 'first' or 'free'");
  EXPECT_EQ(refusal("[N] f32 free x"), "port '[N] f32 free x': nothing follows the layout");
  EXPECT_EQ(refusal("[N,C] f32 blocked"), "port '[N,C] f32 blocked': only 4-dimensional values are blocked");
}

TEST(Sides, GiveOutputsTheSidesOfInputs) {
  Sides sides;
  EXPECT_EQ(sides.shape(parse_port("[N,C] f32")), std::nullopt);
  EXPECT_EQ(bind(sides, "x", "[N,C,H,W] f32", {8, 3, 32, 16}), "");
  EXPECT_EQ(sides.shape(parse_port("[N,C,1,W] f32")), (Shape{8, 3, 1, 16}));
  EXPECT_EQ(sides.shape(parse_port("[] f32")), Shape{});
  EXPECT_EQ(sides.shape(parse_port("[N,K] f32")), std::nullopt);
  EXPECT_EQ(sides.shape(parse_port("[N,...] f32")), std::nullopt);
}

TEST(Sides, NameTheInputThatBoundALetter) {
  Sides sides;
  EXPECT_EQ(bind(sides, "x0", "[N,C,H,W] f32", {8, 3, 32, 32}), "");
  EXPECT_EQ(bind(sides, "noise", "[N,C,H,W] f32", {8, 3, 16, 16}),
            "is [8,3,16,16], but input 'x0' is [8,3,32,32]: H must be 32");
  EXPECT_EQ(bind(sides, "t", "[N] f32", {4}), "is [4], but input 'x0' is [8,3,32,32]: N must be 8");
}

TEST(Sides, RefuseOtherNumbersOfSides) {
  Sides sides;
  EXPECT_EQ(bind(sides, "x", "[N,C,H,W] f32", {8, 3}), "is [8,3], but takes [N,C,H,W], 4 sides");
  EXPECT_EQ(bind(sides, "t", "[N] f32", {8, 3}), "is [8,3], but takes [N], 1 side");
  EXPECT_EQ(bind(sides, "s", "[] f32", {8}), "is [8], but takes a single number");
  EXPECT_EQ(bind(sides, "r", "[N,C,...] f32", {8}), "is [8], but takes [N,C,...], at least 2 sides");
}

TEST(Sides, RefuseOtherNumbersThanThePortSays) {
  Sides sides;
  EXPECT_EQ(bind(sides, "x", "[N,3,H,W] f32", {8, 4, 2, 2}),
            "is [8,4,2,2], but takes [N,3,H,W]: side 2 must be 3");
}

TEST(Sides, BindTheRestOfAShape) {
  Sides sides;
  EXPECT_EQ(bind(sides, "a", "[N,...] f32", {8, 3, 32, 32}), "");
  EXPECT_EQ(sides.shape(parse_port("[N,...] f32")), (Shape{8, 3, 32, 32}));
  EXPECT_EQ(sides.shape(parse_port("[...] f32")), (Shape{3, 32, 32}));
  EXPECT_EQ(bind(sides, "b", "[N,...] f32", {8, 3, 16, 16}),
            "is [8,3,16,16], but input 'a' is [8,3,32,32]: the sides from number 2 on must agree");
}

TEST(Sides, KeepNothingOfAShapeThatDoesNotFit) {
  Sides sides;
  EXPECT_EQ(bind(sides, "x", "[N,3,H,H] f32", {8, 3, 2, 4}),
            "is [8,3,2,4], but takes [N,3,H,H]: the sides H must be equal");
  EXPECT_EQ(bind(sides, "y", "[N,H] f32", {5, 6}), "");
}

TEST(Sides, AreSetFromOutside) {
  Sides sides;
  sides.set("N", 8, "run.micro_batch");
  EXPECT_EQ(sides.shape(parse_port("[N] f32")), Shape{8});
  EXPECT_EQ(bind(sides, "t", "[N] f32", {4}), "is [4], but run.micro_batch is 8: N must be 8");
}

}  // namespace
}  // namespace dagfusion
