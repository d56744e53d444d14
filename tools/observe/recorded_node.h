// What --record keeps of a node besides its inputs, and run-node takes up: node.yaml, written and read here.
#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "graph/check/check.h"

namespace dagfusion {

// The frame that came to the node, and what its random numbers follow from.
struct RecordedFrame {
  std::int64_t step = 1;                  // from 1
  std::int64_t position = 0;              // of its first image
  std::int64_t images = 1, valid = 1;     // those from `valid` on only fill the frame up
  std::array<std::uint32_t, 2> stream{};  // key of the node's random numbers
  bool training = false;
};

struct RecordedNode {
  Tree node;                    // its type and parameters
  Tree run;                     // what results depend on: seed, precision, winograd
  std::vector<Entry> sections;  // of the catalog, that held in the run
  std::vector<std::string> plugins;
  RecordedFrame frame;
};

RecordedNode recorded(const Checked&, const CheckedNode&, std::vector<Entry> sections, RecordedFrame);
Tree tree_of(const RecordedNode&);
// Throws UserError when the file is none that tree_of() gave.
RecordedNode read_recorded_node(const std::filesystem::path&);

}  // namespace dagfusion
