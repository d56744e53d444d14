// The part of a graph that a gradient passes through.
#pragma once

#include <vector>

#include "graph/check/check.h"

namespace dagfusion {

// Of every node: whether its outputs depend on trained weights, and whether the loss depends on it as well.
struct Flow {
  std::vector<bool> wanted, on_path;
};

Flow gradient_flow(const Checked&, const Group&);

}  // namespace dagfusion
