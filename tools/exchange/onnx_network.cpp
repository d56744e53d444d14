#include "tools/exchange/onnx_network.h"

#include <fmt/format.h>

#include "tools/exchange/onnx_layers.h"
#include "tools/exchange/planned_network.h"

namespace dagfusion {

namespace {

constexpr std::int64_t kMostBytes = 2'000'000'000;  // a message of Protocol Buffers has less than 2 GiB

void refuse_size(const TensorFile& weights) {
  std::int64_t bytes = 0;
  for (const auto& [name, of] : weights.tensors())
    bytes += count_of(of.shape) * static_cast<std::int64_t>(sizeof(float));
  if (bytes > kMostBytes)
    throw UserError({}, fmt::format("'{}' holds {} bytes of weights; a file of ONNX has room for {}",
                                    weights.path().string(), bytes, kMostBytes));
}

class OnnxNetwork {
 public:
  OnnxNetwork(const Checked& network, TensorFile& weights) : network_(network), weights_(weights) {}

  OnnxModel model(const std::map<std::string, std::string>& facts) {
    for (const CheckedNode& node : network_.nodes) {
      if (node.path == kNetworkImages) give(node, "sample", OnnxGraph::Number::f32);
      if (node.path == kNetworkTimes) give(node, "timestep", OnnxGraph::Number::f32);
      if (node.path == kNetworkLabels) give(node, "class_labels", OnnxGraph::Number::i64);
      if (node.path == kNetworkAugment) give(node, "augment", OnnxGraph::Number::f32);
      if (node.path.starts_with(layers_)) layer(node);
      names_.push_back(made_);
    }
    const Shape& out = network_.nodes.back().outputs.front().spec.shape;
    graph_.add("Identity", "prediction", {made_});
    graph_.output("prediction", {-1, out[1], out[2], out[3]});
    return {graph_.model("network", facts), inputs_};
  }

 private:
  void give(const CheckedNode& node, const std::string& name, OnnxGraph::Number number) {
    Shape shape = node.outputs.front().spec.shape;
    shape[0] = -1;
    graph_.input(name, number, shape);
    made_ = name;
    inputs_.push_back(name);
  }

  void layer(const CheckedNode& node) {
    std::map<std::string, std::string> inputs;
    for (const CheckedInput& input : node.inputs)
      inputs[input.port] = names_.at(static_cast<std::size_t>(input.from.node));
    OnnxLayer made(network_, node, node.path.substr(layers_.size()), std::move(inputs), graph_, weights_);
    made_ = onnx_layer(node.type->name, made);
  }

  const Checked& network_;
  TensorFile& weights_;
  const std::string layers_ = std::string(kNetworkCall) + "/";
  OnnxGraph graph_;
  std::vector<std::string> names_;  // of what each node gives
  std::string made_;                // of the last one
  std::vector<std::string> inputs_;
};

}  // namespace

OnnxModel onnx_model(const Checked& network, TensorFile& weights,
                     const std::map<std::string, std::string>& facts) {
  refuse_size(weights);
  return OnnxNetwork(network, weights).model(facts);
}

}  // namespace dagfusion
