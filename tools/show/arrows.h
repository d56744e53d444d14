// The arrows of a drawing, and those that are too long to be drawn.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace dagfusion {

struct Arrow {
  std::string from, to, label;  // from, to: boxes
  bool order = false;           // no value travels here
  friend auto operator<=>(const Arrow&, const Arrow&) = default;
};

// Takes out those that would pass more than `rows` rows of boxes. Graphviz makes a point of each row that an arrow
// passes and moves all of them until none can be better: a U-Net of 300 layers, whose halves are joined by such
// arrows, takes it a minute with them and a second without.
std::vector<Arrow> take_long_arrows(std::set<Arrow>&, int rows);

}  // namespace dagfusion
