// Two values of the same images mixed, each image in shares of its own that follow from its timestep.
//
//   y = a(t) * x0 + b(t) * noise ;  d(x0) = a(t) * d(y) ;  d(noise) = b(t) * d(y)
#pragma once

#include "graph/types/setup.h"

namespace dagfusion {

class Mixture : public DifferentiableMap {
 public:
  void forward(Call& call) const final;
  void backward(Call& call) const final;

 protected:
  struct Shares {
    float image, noise;
  };
  // Inputs x0, noise [N,...] and t [N]; output `result` [N,...].
  Mixture(Setup& setup, std::string_view result);

 private:
  virtual Shares shares(float t) const = 0;

  Input x0_, noise_, t_;
  Output result_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace dagfusion
