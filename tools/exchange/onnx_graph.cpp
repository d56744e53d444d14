#include "tools/exchange/onnx_graph.h"

#include <cstring>

namespace dagfusion {

namespace {

constexpr std::int64_t kOpset = 17, kFormat = 8;

// Numbers of the fields of onnx.proto.
namespace model_field {
enum { ir_version = 1, producer = 2, graph = 7, opset = 8, metadata = 14 };
}
namespace graph_field {
enum { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
}
namespace node_field {
enum { input = 1, output = 2, name = 3, type = 4, attribute = 5 };
}
namespace attribute_field {
enum { name = 1, real = 2, integer = 3, text = 4, integers = 8, kind = 20 };
enum { of_real = 1, of_integer = 2, of_text = 3, of_integers = 7 };
}  // namespace attribute_field
namespace tensor_field {
enum { side = 1, number = 2, name = 8, bytes = 9 };
}

ProtobufMessage attribute(const std::string& name, const OnnxGraph::Attribute& value) {
  ProtobufMessage made;
  made.text(attribute_field::name, name);
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    made.integer(attribute_field::integer, *integer)
        .integer(attribute_field::kind, attribute_field::of_integer);
  if (const auto* real = std::get_if<float>(&value))
    made.real(attribute_field::real, *real).integer(attribute_field::kind, attribute_field::of_real);
  if (const auto* text = std::get_if<std::string>(&value))
    made.text(attribute_field::text, *text).integer(attribute_field::kind, attribute_field::of_text);
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
    for (const std::int64_t i : *integers) made.integer(attribute_field::integers, i);
    made.integer(attribute_field::kind, attribute_field::of_integers);
  }
  return made;
}

// ValueInfoProto: a name, and a TypeProto of a tensor with its sides.
ProtobufMessage value_info(const std::string& name, OnnxGraph::Number number, const Shape& shape) {
  ProtobufMessage sides;
  for (const std::int64_t side : shape) {
    ProtobufMessage dimension;
    if (side < 0)
      dimension.text(2, "N");
    else
      dimension.integer(1, side);
    sides.message(1, dimension);
  }
  const ProtobufMessage tensor =
      ProtobufMessage().integer(1, static_cast<std::int64_t>(number)).message(2, sides);
  return ProtobufMessage().text(1, name).message(2, ProtobufMessage().message(1, tensor));
}

ProtobufMessage tensor(const std::string& name, OnnxGraph::Number number, const Shape& shape,
                       std::string_view bytes) {
  ProtobufMessage made;
  for (const std::int64_t side : shape) made.integer(tensor_field::side, side);
  made.integer(tensor_field::number, static_cast<std::int64_t>(number)).text(tensor_field::name, name);
  return made.text(tensor_field::bytes, bytes);
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

void OnnxGraph::input(const std::string& name, Number number, const Shape& shape) {
  graph_.message(graph_field::input, value_info(name, number, shape));
}

void OnnxGraph::output(const std::string& name, const Shape& shape) {
  graph_.message(graph_field::output, value_info(name, Number::f32, shape));
}

std::vector<std::string> OnnxGraph::add_several(const std::string& type, const std::string& name,
                                                const std::vector<std::string>& inputs, int outputs,
                                                const Attributes& attributes) {
  ProtobufMessage node;
  for (const std::string& input : inputs) node.text(node_field::input, input);
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) {
    names.push_back(i == 0 ? name : name + "." + std::to_string(i));
    node.text(node_field::output, names.back());
  }
  node.text(node_field::name, name).text(node_field::type, type);
  for (const auto& [key, value] : attributes) node.message(node_field::attribute, attribute(key, value));
  graph_.message(graph_field::node, node);
  return names;
}

std::string OnnxGraph::add(const std::string& type, const std::string& name,
                           const std::vector<std::string>& inputs, const Attributes& attributes) {
  return add_several(type, name, inputs, 1, attributes).front();
}

std::string OnnxGraph::constant(const std::string& name, const Shape& shape,
                                const std::vector<float>& values) {
  graph_.message(graph_field::initializer, tensor(name, Number::f32, shape, bytes_of(values)));
  return name;
}

std::string OnnxGraph::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  const Shape shape = {static_cast<std::int64_t>(values.size())};
  graph_.message(graph_field::initializer, tensor(name, Number::i64, shape, bytes_of(values)));
  return name;
}

std::string OnnxGraph::model(const std::string& name, const std::map<std::string, std::string>& facts) const {
  ProtobufMessage graph = graph_;
  graph.text(graph_field::name, name);
  ProtobufMessage model;
  model.integer(model_field::ir_version, kFormat).text(model_field::producer, "dagfusion");
  model.message(model_field::opset, ProtobufMessage().text(1, "").integer(2, kOpset));
  for (const auto& [key, value] : facts)
    model.message(model_field::metadata, ProtobufMessage().text(1, key).text(2, value));
  return model.message(model_field::graph, graph).bytes();
}

}  // namespace dagfusion
