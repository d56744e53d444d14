#include <cmath>

#include "tools/exchange/onnx_layers.h"

namespace dagfusion {

namespace {

using Lengths = std::vector<std::int64_t>;

struct Heads {
  std::int64_t heads, depth;
};

Heads heads_of(const OnnxLayer& layer) {
  const std::int64_t heads = layer.settings().integer("heads");
  return {heads, layer.shape_in("q").at(1) / heads};
}

// [N,C,H,W] -> [N,heads,D,P]
std::string by_heads(OnnxLayer& layer, const std::string& port, const Heads& of) {
  return layer.reshaped(port + "/heads", layer.in(port), {0, of.heads, of.depth, -1});
}

std::string turned(OnnxLayer& layer, const std::string& part, const std::string& x) {
  return layer.add("Transpose", part, {x}, {{"perm", Lengths{0, 1, 3, 2}}});
}

std::string softmax(OnnxLayer& layer, const std::string& part, const std::string& x, std::int64_t axis) {
  return layer.add("Softmax", part, {x}, {{"axis", axis}});
}

// [N,heads,D,P] -> [N,C,H,W]
std::string as_pixels(OnnxLayer& layer, const std::string& x) {
  const Shape& shape = layer.shape_in("q");
  return layer.reshaped("", x, {0, shape[1], shape[2], shape[3]});
}

// y[c,i] = sum over j of softmax(q k)[i,j] v[c,j]
std::string attention(OnnxLayer& layer, const Heads& of, const std::string& k, const std::string& v) {
  const std::string q = turned(layer, "q/turned", by_heads(layer, "q", of));
  std::string w = layer.add("MatMul", "scores", {q, k});
  w = layer.add("Mul", "scaled", {w, layer.number("scale", 1 / std::sqrt(double(of.depth)))});
  w = turned(layer, "weights/turned", softmax(layer, "weights", w, -1));
  return as_pixels(layer, layer.add("MatMul", "means", {v, w}));
}

// Keys (0) or values (1) in memory, then those of the pixels: [N,heads,D,M+P]. Their N is that of the pixels'.
std::string with_memory(OnnxLayer& layer, const std::string& port, int what, const Heads& of,
                        bool things_first) {
  const std::int64_t kept = layer.settings().integer("memory"), head = kept * of.depth;
  const std::vector<float> memory = layer.values("memory");
  std::vector<float> values;  // [heads,D,M]
  for (std::int64_t h = 0; h < of.heads; ++h)
    for (std::int64_t d = 0; d < of.depth; ++d)
      for (std::int64_t m = 0; m < kept; ++m) {
        const std::int64_t at = things_first ? m * of.depth + d : d * kept + m;
        values.push_back(memory[static_cast<std::size_t>((what * of.heads + h) * head + at)]);
      }
  const std::string pixels = by_heads(layer, port, of);
  const std::string mean = layer.add("ReduceMean", port + "/mean", {pixels}, {{"axes", Lengths{3}}});
  const std::string zeros = layer.add("Mul", port + "/zeros", {mean, layer.number(port + "/zero", 0)});
  const std::string all =
      layer.add("Add", port + "/memory",
                {zeros, layer.constant(port + "/kept", {1, of.heads, of.depth, kept}, values)});
  return layer.add("Concat", port + "/all", {all, pixels}, {{"axis", std::int64_t{3}}});
}

}  // namespace

std::string onnx_attention(OnnxLayer& layer) {
  const Heads of = heads_of(layer);
  return attention(layer, of, by_heads(layer, "k", of), by_heads(layer, "v", of));
}

std::string onnx_memory_attention(OnnxLayer& layer) {
  const Heads of = heads_of(layer);
  return attention(layer, of, with_memory(layer, "k", 0, of, true), with_memory(layer, "v", 1, of, true));
}

// context[c,e] = sum over j of K[c,j] v[e,j] ;  y[e,i] = sum over c of context[c,e] Q[c,i]
std::string onnx_linear_attention(OnnxLayer& layer) {
  const Heads of = heads_of(layer);
  std::string q = softmax(layer, "q/softmax", by_heads(layer, "q", of), 2);
  q = layer.add("Mul", "q/scaled", {q, layer.number("scale", 1 / std::sqrt(double(of.depth)))});
  const std::string k = softmax(layer, "k/softmax", with_memory(layer, "k", 0, of, false), 3);
  const std::string v = with_memory(layer, "v", 1, of, false);
  const std::string context = layer.add("MatMul", "context", {v, turned(layer, "k/turned", k)});  // [e,c]
  return as_pixels(layer, layer.add("MatMul", "mixtures", {context, q}));
}

}  // namespace dagfusion
