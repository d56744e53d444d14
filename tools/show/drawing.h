// A planned pipeline as a picture, in the DOT language of Graphviz.
#pragma once

#include <map>
#include <string>

#include "graph/plan/plan.h"

namespace dagfusion {

struct DrawingOptions {
  bool expand = false;  // every node and the backward pass
  int depth =
      0;  // otherwise so many levels of what is inside composites; 0 = one box for each name in the file
  std::map<std::string, double> seconds;  // by the name of a task, as in times.csv; empty = no timings
};

// The depth at which every node has a box of its own.
int deepest(const Checked&);

// `file`: the pipeline as it was checked; it says the types of what was expanded.
std::string drawing(const Planned&, const Tree& file, const DrawingOptions&);

}  // namespace dagfusion
