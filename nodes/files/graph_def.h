// TensorFlow's frozen graphs (.pb): the constants of a GraphDef, read as protobuf's wire format, with no code run.
// https://protobuf.dev/programming-guides/encoding/; tensorflow/core/framework/{graph,node_def,attr_value,tensor}.proto
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "nodes/files/tensor_file.h"

namespace dagfusion {

// Whether a file that begins so can be one.
bool starts_like_graph_def(std::string_view start);

// Constants of real numbers, half precision to float64. Those of the Inception network that FID looks with (inception-2015-12-05) have the names of
// torchvision's modules ("Mixed_5b.branch1x1.conv.weight") and PyTorch's order of sides; others keep their own.
// Throws UserError that names the file.
std::unique_ptr<TensorFile> open_graph_def(const std::filesystem::path&);

}  // namespace dagfusion
