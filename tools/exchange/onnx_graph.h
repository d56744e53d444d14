// A graph of ONNX, opset 17, layer by layer. Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "graph/values/tensor.h"
#include "graph/values/unset.h"
#include "tools/exchange/protobuf.h"

namespace dagfusion {

class OnnxGraph {
 public:
  using Attribute = std::variant<Unset, std::int64_t, float, std::string, std::vector<std::int64_t>>;
  using Attributes = std::map<std::string, Attribute>;

  enum class Number { f32 = 1, i64 = 7 };  // as TensorProto.DataType
  // A side below 0 is any number of images, "N".
  void input(const std::string& name, Number, const Shape&);
  void output(const std::string& name, const Shape&);

  // Returns the name of its output, `name`; "" among the inputs is one that is left out.
  std::string add(const std::string& type, const std::string& name, const std::vector<std::string>& inputs,
                  const Attributes& = {});
  // With several outputs: name, name.1, ...
  std::vector<std::string> add_several(const std::string& type, const std::string& name,
                                       const std::vector<std::string>& inputs, int outputs,
                                       const Attributes& = {});
  std::string constant(const std::string& name, const Shape&, const std::vector<float>&);
  std::string integers(const std::string& name, const std::vector<std::int64_t>&);

  // The whole model as bytes. `facts`: what a reader may want to know, by name.
  std::string model(const std::string& name, const std::map<std::string, std::string>& facts) const;

 private:
  ProtobufMessage graph_;
};

}  // namespace dagfusion
