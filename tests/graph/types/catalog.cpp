// What a node type knows of the class behind it.
#include "graph/types/catalog.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

struct Plain final : Map {
  explicit Plain(Setup&) {}
  void forward(Call&) const override {}
};

struct Smooth final : DifferentiableMap {
  explicit Smooth(Setup&) {}
  void forward(Call&) const override {}
  void backward(Call&) const override {}
};

struct Forgetful : DifferentiableMap {
  void forward(Call&) const override {}
};
static_assert(std::is_abstract_v<Forgetful>, "a differentiable map without a backward cannot be made");

std::unique_ptr<Smooth> make_smooth(Setup& setup) { return std::make_unique<Smooth>(setup); }

TEST(NodeType, IsDifferentiableWhenItsClassIs) {
  EXPECT_TRUE((NodeType{.create = make_node<Smooth>}.differentiable()));
  EXPECT_FALSE((NodeType{.create = make_node<Plain>}.differentiable()));
  EXPECT_TRUE((NodeType{.create = make_smooth}.differentiable()));
}

TEST(NodeType, IsDifferentiableAsACompositeThatIsNoOptimiser) {
  EXPECT_TRUE((NodeType{.role = Role::composite}.differentiable()));
  EXPECT_FALSE((NodeType{.role = Role::composite, .minimizes = true}.differentiable()));
}

}  // namespace
}  // namespace dagfusion
