// Curves as an SVG picture, to look at: plots below one title, two beside each other.
#pragma once

#include <string>
#include <vector>

namespace dagfusion {

struct Curve {
  std::string name;
  std::vector<double> values;  // what is not finite is left out
};

struct Plot {
  std::string title;
  std::vector<Curve> curves;
};

// `along`: what stands below the values, which lie at even distances.
std::string curves_svg(const std::string& title, const std::vector<double>& along,
                       const std::vector<Plot>& plots);

}  // namespace dagfusion
