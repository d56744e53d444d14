// Which frames of a step each process of a run takes, and in which order their gradients are added up.
//
// A step's frames are cut into `groups` equal parts, a power of two. Inside a part they are added in order; the
// sums of the parts in the balanced binary tree over all of them. So the bits of the whole sum depend on the
// number of parts and not on who has which of them.
#pragma once

#include <cstdint>
#include <vector>

namespace dagfusion {

// Groups first … end - 1.
struct GroupRange {
  int first = 0, end = 0;
  int count() const { return end - first; }
};

// Those of one process: as even as they can be, in the order of the ranks.
GroupRange groups_of(int rank, int ranks, int groups);

// The smallest power of two that has a part for every process and divides the frames of a step; 0 where there is none.
int fitting_groups(int ranks, std::int64_t frames);

// A part of the tree: the sum of the groups from index << level up to (index + 1) << level.
struct Subtree {
  int level = 0, index = 0;
  friend bool operator==(const Subtree&, const Subtree&) = default;
};

// Sums of groups as they come, each joined with its neighbour as soon as both are there.
class GroupTree {
 public:
  // The next group in order. How many times the last two sums are to be joined now: the later one into the earlier.
  int add(int group) { return add(Subtree{.index = group}); }
  int add(Subtree);
  const std::vector<Subtree>& sums() const { return sums_; }

 private:
  std::vector<Subtree> sums_;
};

// What is left of a process's groups when no two of them can be joined any more.
std::vector<Subtree> subtrees_of(GroupRange);

// Where the sums of a process lie while its groups come in.
struct GroupPlace {
  int buffer = 0;  // in which the frames of the group add up
  int joins = 0;   // after its last frame: so many times, the last buffer is added to the one before
};
std::vector<GroupPlace> places_of(GroupRange);  // by group - range.first
int buffers_of(GroupRange);                     // that are needed at once

}  // namespace dagfusion
