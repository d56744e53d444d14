// A U-Net as a model of ONNX.
#pragma once

#include <map>
#include <string>

#include "nodes/files/tensor_file.h"
#include "tools/exchange/network.h"

namespace dagfusion {

// Inputs: sample [N,C,H,W], timestep [N] as the network sees it, class_labels [N] where it has classes (-1: none, where
// it knows that); output: prediction [N,D,H,W]. N is any. `weights`: of a checkpoint, below "model/".
// Throws UserError when it is larger than ONNX allows.
std::string onnx_model(const Network&, TensorFile& weights, const std::map<std::string, std::string>& facts);

}  // namespace dagfusion
