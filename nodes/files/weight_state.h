// A weight, or anything shaped like one, as a value of a checkpoint:
// always in PyTorch's order, whatever its layout here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/types/node.h"

namespace dagfusion {

// Under this name, beside the weights, optimisers and averages save how often they have run.
inline constexpr const char* kUpdates = "updates";

// `values` lie as in the table and outlive what is returned, like the table itself.
StateTensor weight_state(const WeightTable& table, int weight, std::span<float> values, std::string name);

// Every weight of the table under its path.
std::vector<StateTensor> weight_states(const WeightTable& table, std::span<float> values);

}  // namespace dagfusion
