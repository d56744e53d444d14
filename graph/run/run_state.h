// state.json of a checkpoint: where a run stands, and what its bits depend on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

struct RunState {
  std::int64_t step = 0;  // steps done
  std::uint64_t seed = 0;
  std::int64_t batch_size = 0;
  int micro_batch = 0;
  int gradient_groups = 1;
  std::string precision, instruction_set;
  std::vector<std::string> plugins;  // "libmy_nodes.so 3f1c2b8a": name and checksum
  Shape model_input;                 // [C,H,W]
  std::vector<std::string> classes;  // that the model knows, by label
  std::string imported;              // the program whose weights they are; empty: those of a run here
  std::string data;  // fingerprint of the data sets; a JSON object by node when they have paths
  friend bool operator==(const RunState&, const RunState&) = default;
};

std::string to_json(const RunState&);
// What the text does not say stays as it is above, but for the step. Throws nlohmann::json::exception.
RunState read_run_state(const std::string& json);

}  // namespace dagfusion
