#include "tools/exchange/onnx_layers.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "graph/document/fault.h"

namespace dagfusion {

using Lengths = std::vector<std::int64_t>;

const Shape& OnnxLayer::shape_in(const std::string& port) const {
  for (const CheckedInput& input : node_.inputs)
    if (input.port == port) return input.spec.shape;
  throw std::logic_error("no input '" + port + "'");
}

std::string OnnxLayer::path_of(const std::string& leaf) const {
  for (const int i : node_.weights) {
    const std::string& path = network_.weights->weights()[static_cast<std::size_t>(i)].path;
    if (path.ends_with("." + leaf)) return path;
  }
  return "";
}

bool OnnxLayer::has_weight(const std::string& leaf) const { return !path_of(leaf).empty(); }

std::vector<float> OnnxLayer::values(const std::string& leaf) const { return weights_.read(path_of(leaf)); }

std::string OnnxLayer::weight(const std::string& leaf, Shape shape) {
  if (shape.empty()) shape = weights_.tensors().at(path_of(leaf)).shape;
  return graph_.constant(name_ + "." + leaf, shape, values(leaf));
}

std::string OnnxLayer::add(const std::string& type, const std::string& part,
                           const std::vector<std::string>& inputs, const OnnxGraph::Attributes& attributes) {
  return graph_.add(type, called(part), inputs, attributes);
}

std::vector<std::string> OnnxLayer::halves(const std::string& part, const std::string& x) {
  return graph_.add_several("Split", called(part), {x}, 2, {{"axis", std::int64_t{1}}});
}

std::string OnnxLayer::constant(const std::string& part, const Shape& shape,
                                const std::vector<float>& values) {
  return graph_.constant(called(part), shape, values);
}

std::string OnnxLayer::reshaped(const std::string& part, const std::string& x,
                                const std::vector<std::int64_t>& shape) {
  return graph_.add("Reshape", called(part), {x, graph_.integers(called(part) + ".shape", shape)});
}

std::string OnnxLayer::as_maps(const std::string& part, const std::string& x) {
  return reshaped(part, x, {0, -1, 1, 1});
}

namespace {

std::string time_embedding(OnnxLayer& layer) {
  const std::int64_t dim = layer.settings().integer("dim"), half = dim / 2;
  const std::int64_t shift = layer.settings().integer("freq_shift");
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < half; ++i)
    frequencies.push_back(static_cast<float>(
        std::exp(-std::log(layer.settings().real("max_period")) * double(i) / double(half - shift))));
  const std::string column = layer.reshaped("column", layer.in("t"), {-1, 1});
  const std::string angles =
      layer.add("Mul", "angles", {column, layer.constant("frequencies", {1, half}, frequencies)});
  const std::string sine = layer.add("Sin", "sine", {angles}), cosine = layer.add("Cos", "cosine", {angles});
  const bool sine_first = layer.settings().text("order") == "sin_cos";
  return layer.add("Concat", "", {sine_first ? sine : cosine, sine_first ? cosine : sine},
                   {{"axis", std::int64_t{1}}});
}

std::string class_embedding(OnnxLayer& layer) {
  std::string row;
  if (layer.has("label"))
    row = layer.add("Gather", "row", {layer.weight("weight"), layer.in("label")});
  else {
    const std::vector<float> all = layer.values("weight");
    const std::int64_t dim = layer.channels();
    row = layer.constant("row", {1, dim}, {all.end() - dim, all.end()});
  }
  return layer.add("Add", "", {layer.in("x"), row});
}

std::string augment_embedding(OnnxLayer& layer) {
  if (!layer.has("label")) return layer.in("x");
  const std::string moved =
      layer.add("Gemm", "map", {layer.in("label"), layer.weight("weight")}, {{"transB", std::int64_t{1}}});
  return layer.add("Add", "", {layer.in("x"), moved});
}

std::string linear(OnnxLayer& layer) {
  std::vector<std::string> inputs = {layer.in("x"), layer.weight("weight")};
  if (layer.has_weight("bias")) inputs.push_back(layer.weight("bias"));
  return layer.add("Gemm", "", inputs, {{"transB", std::int64_t{1}}});
}

std::string conv2d(OnnxLayer& layer) {
  const Parameters& p = layer.settings();
  const std::int64_t height = p.integer("kernel");
  const std::int64_t width = p.has("kernel_width") ? p.integer("kernel_width") : height;
  Lengths pads = {height / 2, width / 2, height / 2, width / 2};  // top, left, bottom, right
  if (p.text("padding") == "end") pads = {0, 0, 1, 1};
  if (p.text("padding") == "none") pads = {0, 0, 0, 0};
  std::vector<std::string> inputs = {layer.in("x"), layer.weight("weight")};
  if (layer.has_weight("bias")) inputs.push_back(layer.weight("bias"));
  const std::string y = layer.add("Conv", layer.has("add") ? "conv" : "", inputs,
                                  {{"kernel_shape", Lengths{height, width}},
                                   {"pads", pads},
                                   {"strides", Lengths(2, p.integer("stride"))}});
  return layer.has("add") ? layer.add("Add", "", {y, layer.in("add")}) : y;
}

std::string silu_of(OnnxLayer& layer, const std::string& x) {
  return layer.add("Mul", "", {x, layer.add("Sigmoid", "sigmoid", {x})});
}

std::string silu(OnnxLayer& layer) { return silu_of(layer, layer.in("x")); }

std::string gelu(OnnxLayer& layer) {
  const std::string& x = layer.in("x");
  std::string share = layer.add("Mul", "scaled", {x, layer.number("root", 1 / std::numbers::sqrt2)});
  share = layer.add("Add", "share", {layer.add("Erf", "erf", {share}), layer.number("one", 1)});
  const std::string half = layer.add("Mul", "half", {x, layer.number("one_half", 0.5)});
  return layer.add("Mul", "", {half, share});
}

std::string mish(OnnxLayer& layer) {
  const std::string gate = layer.add("Tanh", "gate", {layer.add("Softplus", "softplus", {layer.in("x")})});
  return layer.add("Mul", "", {layer.in("x"), gate});
}

std::string relu(OnnxLayer& layer) {
  if (!layer.settings().has("maximum")) return layer.add("Relu", "", {layer.in("x")});
  return layer.add(
      "Clip", "",
      {layer.in("x"), layer.number("least", 0), layer.number("most", layer.settings().real("maximum"))});
}

std::string sum(OnnxLayer& layer) { return layer.add("Add", "", {layer.in("a"), layer.in("b")}); }
std::string product(OnnxLayer& layer) { return layer.add("Mul", "", {layer.in("a"), layer.in("b")}); }
std::string as_it_is(OnnxLayer& layer) { return layer.in("x"); }
std::string time_as_it_is(OnnxLayer& layer) { return layer.in("t"); }

std::string concat(OnnxLayer& layer) {
  return layer.add("Concat", "", {layer.in("a"), layer.in("b")}, {{"axis", std::int64_t{1}}});
}

std::string scale(OnnxLayer& layer) {
  return layer.add("Mul", "", {layer.in("x"), layer.number("factor", layer.settings().real("factor"))});
}

std::string affine(OnnxLayer& layer) {
  const std::string scaled =
      layer.add("Mul", "scaled", {layer.in("x"), layer.number("factor", layer.settings().real("factor"))});
  return layer.add("Add", "", {scaled, layer.number("offset", layer.settings().real("offset"))});
}

OnnxGraph::Attributes windows(OnnxLayer& layer) {
  const auto side = [&](const char* name, std::size_t times) {
    return Lengths(times, layer.settings().integer(name));
  };
  return {{"kernel_shape", side("kernel", 2)}, {"pads", side("padding", 4)}, {"strides", side("stride", 2)}};
}

std::string average_pool(OnnxLayer& layer) {
  OnnxGraph::Attributes attributes = windows(layer);
  attributes["count_include_pad"] = std::int64_t{layer.settings().flag("count_padding")};
  return layer.add("AveragePool", "", {layer.in("x")}, attributes);
}

std::string max_pool(OnnxLayer& layer) { return layer.add("MaxPool", "", {layer.in("x")}, windows(layer)); }

std::string nearest_upsample(OnnxLayer& layer) {
  return layer.add("Resize", "", {layer.in("x"), "", layer.constant("scales", {4}, {1, 1, 2, 2})},
                   {{"mode", std::string("nearest")},
                    {"nearest_mode", std::string("floor")},
                    {"coordinate_transformation_mode", std::string("asymmetric")}});
}

// Channel 4c + 2a + b of ours is channel c of pixel (a, b) of each square.
std::string space_to_depth(OnnxLayer& layer) {
  const Shape& x = layer.shape_in("x");
  std::string h = layer.reshaped("squares", layer.in("x"), {0, x[1], x[2] / 2, 2, x[3] / 2, 2});
  h = layer.add("Transpose", "turned", {h}, {{"perm", Lengths{0, 1, 3, 5, 2, 4}}});
  return layer.reshaped("", h, {0, 4 * x[1], x[2] / 2, x[3] / 2});
}

// y * (1 + scale) + shift
std::string filmed(OnnxLayer& layer, const std::string& y, const std::string& part) {
  const std::vector<std::string> film = layer.halves("film", layer.as_maps("film/maps", layer.in("film")));
  const std::string more = layer.add("Mul", "film/more", {y, film[0]});
  return layer.add("Add", part, {layer.add("Add", "film/both", {y, more}), film[1]});
}

// Behind the normalisation of a norm over groups.
std::string scaled_and_shifted(OnnxLayer& layer, const std::string& normal) {
  const Shape& x = layer.shape_in("x");
  const bool film = layer.has("film"), silu = layer.settings().flag("silu");
  std::string y = layer.reshaped("maps", normal, {0, x[1], x[2], x[3]});
  y = layer.add("Mul", "scaled", {y, layer.weight("weight", {x[1], 1, 1})});
  y = layer.add("Add", film || silu ? "shifted" : "", {y, layer.weight("bias", {x[1], 1, 1})});
  if (film) y = filmed(layer, y, silu ? "filmed" : "");
  return silu ? silu_of(layer, y) : y;
}

std::string grouped(OnnxLayer& layer) {
  std::string x = layer.in("x");
  if (layer.has("shift")) x = layer.add("Add", "time", {x, layer.as_maps("shift/maps", layer.in("shift"))});
  return layer.reshaped("grouped", x, {0, layer.settings().integer("groups"), -1});
}

// Opset 17 has no norm over groups: a group is made one channel of an instance norm.
std::string group_norm(OnnxLayer& layer) {
  const std::int64_t groups = layer.settings().integer("groups");
  const auto all = [&](const char* part, float value) {
    return layer.constant(part, {groups}, std::vector<float>(static_cast<std::size_t>(groups), value));
  };
  const std::string x = grouped(layer);
  return scaled_and_shifted(layer,
                            layer.add("InstanceNormalization", "normal", {x, all("ones", 1), all("zeros", 0)},
                                      {{"epsilon", static_cast<float>(layer.settings().real("eps"))}}));
}

std::string rms_norm(OnnxLayer& layer) {
  const std::string x = grouped(layer);
  std::string square =
      layer.add("ReduceMean", "square/mean", {layer.add("Mul", "square", {x, x})}, {{"axes", Lengths{2}}});
  square = layer.add("Add", "square/eps", {square, layer.number("eps", layer.settings().real("eps"))});
  return scaled_and_shifted(layer, layer.add("Div", "normal", {x, layer.add("Sqrt", "root", {square})}));
}

std::string pixel_norm(OnnxLayer& layer) {
  constexpr double kLeastLength = 1e-12;
  const std::int64_t channels = layer.channels();
  std::vector<float> weight = layer.values("weight");
  for (float& w : weight) w *= static_cast<float>(std::sqrt(double(channels)));
  std::string length = layer.add("ReduceL2", "length", {layer.in("x")}, {{"axes", Lengths{1}}});
  length = layer.add("Max", "length/some", {length, layer.number("least", kLeastLength)});
  const std::string normal = layer.add("Div", "normal", {layer.in("x"), length});
  const std::string y = layer.add("Mul", layer.has("film") ? "scaled" : "",
                                  {normal, layer.constant("weight", {channels, 1, 1}, weight)});
  return layer.has("film") ? filmed(layer, y, "") : y;
}

}  // namespace

std::string onnx_layer(const std::string& type, OnnxLayer& layer) {
  static const std::map<std::string, std::function<std::string(OnnxLayer&)>> known = {
      {"add", sum},
      {"affine", affine},
      {"attention", onnx_attention},
      {"augment_embedding", augment_embedding},
      {"average_pool", average_pool},
      {"class_embedding", class_embedding},
      {"concat", concat},
      {"conv2d", conv2d},
      {"dropout", as_it_is},
      {"gelu", gelu},
      {"group_norm", group_norm},
      {"identity", as_it_is},
      {"linear", linear},
      {"linear_attention", onnx_linear_attention},
      {"max_pool", max_pool},
      {"memory_attention", onnx_memory_attention},
      {"mish", mish},
      {"multiply", product},
      {"nearest_upsample", nearest_upsample},
      {"network_input", as_it_is},  // who calls it gives what the network sees
      {"network_time", time_as_it_is},
      {"pixel_norm", pixel_norm},
      {"relu", relu},
      {"reorder", as_it_is},
      {"rms_norm", rms_norm},
      {"scale", scale},
      {"silu", silu},
      {"space_to_depth", space_to_depth},
      {"time_embedding", time_embedding}};
  const auto found = known.find(type);
  if (found == known.end())
    throw UserError(
        {}, fmt::format("node '{}' ({}): layers of this type are not written as ONNX", layer.name(), type));
  return found->second(layer);
}

}  // namespace dagfusion
