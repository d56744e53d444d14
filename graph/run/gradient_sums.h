// The gradients of a step while its frames come in: by group of frames, joined in a fixed tree. Private to graph/run.
#pragma once

#include <span>
#include <vector>

#include "graph/cluster/groups.h"
#include "graph/values/weights.h"

namespace dagfusion {

class GradientSums {
 public:
  GradientSums() = default;
  // Of the groups that this process takes.
  GradientSums(std::size_t floats, GroupRange);

  std::span<float> whole() const { return buffers_.front().as<float>(); }  // when a step is over
  float* of_group(int group) const;  // in which the frames of one group add up
  // Behind the last frame of a group, for one stretch of the weights.
  void join(int group, std::size_t offset, std::size_t floats) const;
  std::vector<float*> left() const;  // the sums that no further group of this process joins

 private:
  const GroupPlace& place_of(int group) const {
    return places_[static_cast<std::size_t>(group - groups_.first)];
  }

  GroupRange groups_;
  std::vector<GroupPlace> places_;
  std::vector<Buffer> buffers_;
};

}  // namespace dagfusion
