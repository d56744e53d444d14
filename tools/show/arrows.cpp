#include "tools/show/arrows.h"

#include <algorithm>
#include <map>

namespace dagfusion {

namespace {

// The row of each box: one below the lowest of those that point at it.
std::map<std::string, int> rows_of(const std::set<Arrow>& arrows) {
  std::map<std::string, std::vector<std::string>> below;
  std::map<std::string, int> above;  // arrows that are still to come
  for (const Arrow& a : arrows) {
    below[a.from].push_back(a.to);
    above[a.from];
    ++above[a.to];
  }
  std::vector<std::string> ready;
  for (const auto& [box, count] : above)
    if (count == 0) ready.push_back(box);
  std::map<std::string, int> rows;
  while (!ready.empty()) {
    const std::string box = ready.back();
    ready.pop_back();
    for (const std::string& next : below[box]) {
      rows[next] = std::max(rows[next], rows[box] + 1);
      if (--above[next] == 0) ready.push_back(next);
    }
  }
  return rows;
}

}  // namespace

std::vector<Arrow> take_long_arrows(std::set<Arrow>& arrows, int rows) {
  std::map<std::string, int> row = rows_of(arrows);
  std::vector<Arrow> taken;
  for (const Arrow& a : arrows)
    if (row[a.to] - row[a.from] > rows) taken.push_back(a);
  for (const Arrow& a : taken) arrows.erase(a);
  return taken;
}

}  // namespace dagfusion
