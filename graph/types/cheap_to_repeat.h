// Maps whose result costs less to make a second time than to keep.
#pragma once

namespace dagfusion {

// Of a map that passes over memory and computes little: a norm, an activation, a copy. With `run.recompute` what it
// gives is not kept for the backward pass, where forward() runs again, on the same inputs and with the same bits.
class CheapToRepeat {
 public:
  virtual ~CheapToRepeat() = default;
};

}  // namespace dagfusion
