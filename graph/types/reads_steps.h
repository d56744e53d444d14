// Maps that read what a step has changed outside weights: a history of losses.
#pragma once

namespace dagfusion {

// Frames come to such a node once all of the step before theirs has been applied, as to nodes that read weights.
class ReadsSteps {
 public:
  virtual ~ReadsSteps() = default;
};

}  // namespace dagfusion
