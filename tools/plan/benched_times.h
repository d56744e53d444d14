// Measured times of a pipeline's nodes, as `bench --json` gives them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/plan/plan.h"

namespace dagfusion {

class BenchedTimes {
 public:
  // Refuses a file that is none, and one that was measured with frames of another size.
  BenchedTimes(const std::string& file, const Checked&);

  // Of each task, for a frame, or for a step.
  std::vector<double> seconds(const Checked&, const Plan&) const;
  // Of what a step does to the weights once its gradients are there.
  double update_seconds(const Checked&, const Plan&) const;
  double images_per_second() const { return images_per_second_; }

 private:
  struct NodeTimes {  // milliseconds an image
    double forward = 0, backward = 0, weight_gradient = 0, step = 0;
  };

  double seconds_of(const Checked&, const Task&) const;
  NodeTimes of(const std::string& node) const;

  std::string file_;
  std::int64_t batch_size_ = 0, micro_batch_ = 0;
  double images_per_second_ = 0;
  std::map<std::string, NodeTimes> nodes_;
};

}  // namespace dagfusion
