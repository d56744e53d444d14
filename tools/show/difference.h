// What differs between two pipelines, as their graphs see it.
#pragma once

#include <string>
#include <vector>

#include "graph/check/check.h"

namespace dagfusion {

struct Difference {
  enum class Kind { only_before, only_now, type, value, wire } kind = Kind::value;
  std::string path;         // "nodes.loss.delta"
  std::string before, now;  // in one line; empty where there is none
};

// In the order of the files; keys may stand in any order, and `doc` and `vars` do not count.
std::vector<Difference> differences(const Tree& before, const Tree& now);

// Nodes after expansion, by path: "out/mid/attention/q".
std::vector<Difference> node_differences(const Checked& before, const Checked& now);

}  // namespace dagfusion
