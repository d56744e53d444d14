// A network as a model of ONNX, layer by layer as the checker expands it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/check/check.h"
#include "nodes/files/tensor_file.h"

namespace dagfusion {

// Inputs: sample [N,C,H,W], timestep [N] as the network sees it, class_labels [N] where it is told classes (-1: none, where
// it knows that), augment [N,A] where it is told what was done to an image; output: prediction [N,D,H,W]. N is any. `weights`: of a checkpoint.
// Throws UserError for layers that ONNX has no words for here, by name, and for what is larger than ONNX allows.
struct OnnxModel {
  std::string bytes;
  std::vector<std::string> inputs;
};
OnnxModel onnx_model(const Checked& network, TensorFile& weights,
                     const std::map<std::string, std::string>& facts);

}  // namespace dagfusion
