#include "graph/cluster/groups.h"

#include <algorithm>

namespace dagfusion {

GroupRange groups_of(int rank, int ranks, int groups) {
  const auto border = [&](int r) { return static_cast<int>(std::int64_t{r} * groups / ranks); };
  return {border(rank), border(rank + 1)};
}

int fitting_groups(int ranks, std::int64_t frames) {
  std::int64_t groups = 1;
  while (groups < ranks) groups *= 2;
  return frames % groups == 0 ? static_cast<int>(groups) : 0;
}

namespace {

bool are_neighbours(const Subtree& left, const Subtree& right) {
  return left.level == right.level && left.index % 2 == 0 && right.index == left.index + 1;
}

}  // namespace

int GroupTree::add(Subtree sum) {
  sums_.push_back(sum);
  int joins = 0;
  while (sums_.size() > 1 && are_neighbours(sums_[sums_.size() - 2], sums_.back())) {
    sums_.pop_back();
    sums_.back() = {sums_.back().level + 1, sums_.back().index / 2};
    ++joins;
  }
  return joins;
}

std::vector<Subtree> subtrees_of(GroupRange range) {
  GroupTree tree;
  for (int g = range.first; g < range.end; ++g) tree.add(g);
  return tree.sums();
}

std::vector<GroupPlace> places_of(GroupRange range) {
  GroupTree tree;
  std::vector<GroupPlace> places;
  for (int g = range.first; g < range.end; ++g) {
    const auto buffer = static_cast<int>(tree.sums().size());
    places.push_back({buffer, tree.add(g)});
  }
  return places;
}

int buffers_of(GroupRange range) {
  int most = 0;
  for (const GroupPlace& place : places_of(range)) most = std::max(most, place.buffer + 1);
  return most;
}

}  // namespace dagfusion
