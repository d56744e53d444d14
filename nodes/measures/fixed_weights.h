// Weights of layers that are never trained, from a file that the user names, or from one that is built in.
#pragma once

#include <memory>
#include <string>

#include "graph/types/setup.h"
#include "nodes/files/tensor_file.h"

namespace dagfusion {

// What stands for the weights of the digits' classifier, which are part of the program.
inline constexpr const char* kBuiltInWeights = "digits";

class FixedWeights {
 public:
  // The file that the parameter `weights` names. Faults are reported at its value.
  explicit FixedWeights(Setup&);

  bool has(const std::string& tensor) const;
  // A fault when there is none of that name; of another shape, unless `shape` is empty.
  Shape shape_of(const Setup&, const std::string& tensor, const Shape& shape = {}) const;
  std::vector<float> read(const std::string& tensor) const;

 private:
  std::shared_ptr<TensorFile> file_;  // opened once for all layers that stand in it
};

Parameter fixed_weights_parameter();

}  // namespace dagfusion
