// Layers of networks in the words of ONNX, opset 17.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/check/check.h"
#include "nodes/files/tensor_file.h"
#include "tools/exchange/onnx_graph.h"

namespace dagfusion {

// One layer on its way into the graph.
class OnnxLayer {
 public:
  OnnxLayer(const Checked& network, const CheckedNode& node, std::string name,
            std::map<std::string, std::string> inputs, OnnxGraph& graph, TensorFile& weights)
      : network_(network),
        node_(node),
        name_(std::move(name)),
        inputs_(std::move(inputs)),
        graph_(graph),
        weights_(weights) {}

  const std::string& name() const { return name_; }
  const Parameters& settings() const { return node_.parameters; }
  bool has(const std::string& port) const { return inputs_.count(port) != 0; }
  const std::string& in(const std::string& port) const { return inputs_.at(port); }
  const Shape& shape_in(const std::string& port) const;
  const Shape& shape_out() const { return node_.outputs.front().spec.shape; }
  std::int64_t channels() const { return shape_out().at(1); }

  // The values of weight `leaf` of this layer ("weight"), in the shape that ONNX wants; {}: as it is.
  std::string weight(const std::string& leaf, Shape shape = {});
  bool has_weight(const std::string& leaf) const;
  std::vector<float> values(const std::string& leaf) const;

  // A node of ONNX; `part` tells it from the others of this layer, "" is what the layer gives.
  std::string add(const std::string& type, const std::string& part, const std::vector<std::string>& inputs,
                  const OnnxGraph::Attributes& = {});
  std::vector<std::string> halves(const std::string& part, const std::string& x);  // of its channels
  std::string constant(const std::string& part, const Shape&, const std::vector<float>&);
  std::string number(const std::string& part, double value) {
    return constant(part, {}, {static_cast<float>(value)});
  }
  std::string reshaped(const std::string& part, const std::string& x, const std::vector<std::int64_t>& shape);
  // [N,C] -> [N,C,1,1]
  std::string as_maps(const std::string& part, const std::string& x);

 private:
  std::string path_of(const std::string& leaf) const;  // of a weight; "" for none
  std::string called(const std::string& part) const { return part.empty() ? name_ : name_ + "/" + part; }

  const Checked& network_;
  const CheckedNode& node_;
  std::string name_;
  std::map<std::string, std::string> inputs_;
  OnnxGraph& graph_;
  TensorFile& weights_;
};

// Adds the layer and returns the name of its output. Throws UserError for a type that has no translation.
std::string onnx_layer(const std::string& type, OnnxLayer&);

// Those of onnx_attention.cpp.
std::string onnx_attention(OnnxLayer&);
std::string onnx_memory_attention(OnnxLayer&);
std::string onnx_linear_attention(OnnxLayer&);

}  // namespace dagfusion
