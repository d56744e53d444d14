#include "tools/exchange/onnx_unet.h"

#include <fmt/format.h>

#include <cmath>

#include "graph/document/fault.h"
#include "tools/exchange/onnx_graph.h"

namespace dagfusion {

namespace {

using Attributes = OnnxGraph::Attributes;

constexpr std::int64_t kMostBytes = 2'000'000'000;  // a message of Protocol Buffers has less than 2 GiB
constexpr double kLongestPeriod = 10000;            // of the time embedding

// Feature maps on their way: as unet.cpp wires them.
struct Maps {
  std::string name;
  std::int64_t channels = 0, height = 0, width = 0;
};

class OnnxUNet {
 public:
  OnnxUNet(const Network& network, TensorFile& weights) : network_(network), weights_(weights) {}

  std::string model(const std::map<std::string, std::string>& facts) {
    const Shape& in = network_.input;
    graph_.input("sample", OnnxGraph::Number::f32, {-1, in[0], in[1], in[2]});
    graph_.input("timestep", OnnxGraph::Number::f32, {-1});
    if (network_.classes > 0) graph_.input("class_labels", OnnxGraph::Number::i64, {-1});
    embed_time();
    Maps h = conv({"sample", in[0], in[1], in[2]}, "conv_in", network_.channels);
    h = up(middle(down(h)));
    h = conv(norm(h, "norm_out", true), "conv_out", network_.out_channels);
    graph_.add("Identity", "prediction", {h.name});
    graph_.output("prediction", {-1, network_.out_channels, in[1], in[2]});
    return graph_.model("unet", facts);
  }

 private:
  // A weight in the shape that ONNX wants it in.
  std::string weight(const std::string& path, const Shape& shape) {
    return graph_.constant(path, shape, weights_.read("model/" + path));
  }

  std::string silu(const std::string& x, const std::string& name) {
    return graph_.add("Mul", name + ".silu", {x, graph_.add("Sigmoid", name + ".sigmoid", {x})});
  }

  std::string linear(const std::string& x, const std::string& path, std::int64_t in, std::int64_t out) {
    return graph_.add("Gemm", path, {x, weight(path + ".weight", {out, in}), weight(path + ".bias", {out})},
                      {{"transB", std::int64_t{1}}});
  }

  std::string reshaped(const std::string& x, const std::string& name,
                       const std::vector<std::int64_t>& shape) {
    return graph_.add("Reshape", name, {x, graph_.integers(name + ".shape", shape)});
  }

  void embed_time() {
    const std::int64_t dim = network_.channels, half = dim / 2, wide = 4 * dim;
    std::vector<float> frequencies;
    for (std::int64_t i = 0; i < half; ++i)
      frequencies.push_back(static_cast<float>(
          std::exp(-std::log(kLongestPeriod) * double(i) / double(half - network_.style.freq_shift))));
    const std::string column = reshaped("timestep", "time/column", {-1, 1});
    const std::string angles = graph_.add(
        "Mul", "time/angles", {column, graph_.constant("time/frequencies", {1, half}, frequencies)});
    const std::string sine = graph_.add("Sin", "time/sine", {angles}),
                      cosine = graph_.add("Cos", "time/cosine", {angles});
    const bool sine_first = network_.style.time_order == "sin_cos";
    std::string h =
        graph_.add("Concat", "time/embedding", {sine_first ? sine : cosine, sine_first ? cosine : sine},
                   {{"axis", std::int64_t{1}}});
    h = silu(linear(h, "time/linear1", dim, wide), "time/linear1");
    h = linear(h, "time/linear2", wide, wide);
    if (network_.classes > 0) {
      const std::int64_t rows = network_.classes + (network_.null_class ? 1 : 0);
      const std::string table = weight("class_embedding.weight", {rows, wide});
      h = graph_.add("Add", "class_embedding",
                     {h, graph_.add("Gather", "class_embedding/row", {table, "class_labels"})});
    }
    temb_ = silu(h, "time/linear2");
  }

  Maps conv(const Maps& x, const std::string& path, std::int64_t channels, std::int64_t kernel = 3,
            bool halve = false) {
    const std::int64_t before = halve && network_.style.padding == "end" ? 0 : kernel / 2, after = kernel / 2;
    const std::string y =
        graph_.add("Conv", path,
                   {x.name, weight(path + ".weight", {channels, x.channels, kernel, kernel}),
                    weight(path + ".bias", {channels})},
                   {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                    {"pads", std::vector<std::int64_t>{before, before, after, after}},
                    {"strides", std::vector<std::int64_t>(2, halve ? 2 : 1)}});
    return halve ? Maps{y, channels, x.height / 2, x.width / 2} : Maps{y, channels, x.height, x.width};
  }

  // Opset 17 has no norm over groups: a group is made one channel of an instance norm. film: a scale and a shift more.
  Maps norm(const Maps& x, const std::string& path, bool with_silu, const std::string& film = "") {
    const std::int64_t groups = network_.groups;
    if (unit_.empty()) {
      unit_ = graph_.constant("group_norm/one", {groups},
                              std::vector<float>(static_cast<std::size_t>(groups), 1));
      zero_ = graph_.constant("group_norm/zero", {groups},
                              std::vector<float>(static_cast<std::size_t>(groups), 0));
    }
    const std::string grouped = reshaped(x.name, path + "/grouped", {0, groups, -1});
    const std::string normal = graph_.add("InstanceNormalization", path + "/normal", {grouped, unit_, zero_},
                                          {{"epsilon", static_cast<float>(network_.style.eps)}});
    std::string y = reshaped(normal, path + "/maps", {0, x.channels, x.height, x.width});
    y = graph_.add("Mul", path + "/scaled", {y, weight(path + ".weight", {x.channels, 1, 1})});
    y = graph_.add("Add", path, {y, weight(path + ".bias", {x.channels, 1, 1})});
    if (!film.empty()) y = filmed(y, path, film);
    return {with_silu ? silu(y, path) : y, x.channels, x.height, x.width};
  }

  // y * (1 + scale) + shift
  std::string filmed(const std::string& y, const std::string& path, const std::string& film) {
    const auto parts = graph_.add_several("Split", path + "/film", {film}, 2, {{"axis", std::int64_t{1}}});
    const std::string scaled = graph_.add("Mul", path + "/film/more", {y, parts[0]});
    return graph_.add("Add", path + "/film/shifted",
                      {graph_.add("Add", path + "/film/both", {y, scaled}), parts[1]});
  }

  Maps halved(const Maps& x, const std::string& name) {
    const std::string y = graph_.add(
        "AveragePool", name, {x.name},
        {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"strides", std::vector<std::int64_t>{2, 2}}});
    return {y, x.channels, x.height / 2, x.width / 2};
  }

  Maps doubled(const Maps& x, const std::string& name) {
    const std::string scales = graph_.constant(name + ".scales", {4}, {1, 1, 2, 2});
    const std::string y = graph_.add("Resize", name, {x.name, "", scales},
                                     {{"mode", std::string("nearest")},
                                      {"nearest_mode", std::string("floor")},
                                      {"coordinate_transformation_mode", std::string("asymmetric")}});
    return {y, x.channels, 2 * x.height, 2 * x.width};
  }

  enum class Sides { stay, halve, double_ };
  Maps resampled(const Maps& x, const std::string& name, Sides sides) {
    return sides == Sides::stay ? x : sides == Sides::halve ? halved(x, name) : doubled(x, name);
  }

  Maps residual(const Maps& in, const std::string& path, std::int64_t channels, Sides sides = Sides::stay) {
    const bool film = network_.style.film;
    Maps h = resampled(norm(in, path + "/norm1", true), path + "/resample", sides);
    const Maps x = resampled(in, path + "/resample_shortcut", sides);
    h = conv(h, path + "/conv1", channels);
    const std::int64_t parts = film ? 2 * channels : channels;
    const std::string time = reshaped(linear(temb_, path + "/time", 4 * network_.channels, parts),
                                      path + "/time/maps", {0, parts, 1, 1});
    if (!film) h.name = graph_.add("Add", path + "/shifted", {h.name, time});
    h = conv(norm(h, path + "/norm2", true, film ? time : ""), path + "/conv2", channels);
    const Maps shortcut = x.channels == channels ? x : conv(x, path + "/shortcut", channels, 1);
    h.name = graph_.add("Add", path, {h.name, shortcut.name});
    return h;
  }

  Maps attention(const Maps& x, const std::string& path, bool normalised = true) {
    const std::int64_t c = x.channels, heads = network_.heads(c), depth = c / heads;
    const Maps h = normalised ? norm(x, path + "/norm", false) : x;
    const auto one = [&](const char* which) {
      const Maps made = conv(h, path + "/" + which, c, 1);
      return reshaped(made.name, path + "/" + which + "/heads", {0, heads, depth, -1});
    };
    const std::string q = one("q"), k = one("k"), v = one("v");
    const Attributes turned = {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}};
    std::string w =
        graph_.add("MatMul", path + "/scores", {graph_.add("Transpose", path + "/q/turned", {q}, turned), k});
    const auto scale = static_cast<float>(1 / std::sqrt(double(depth)));
    w = graph_.add("Mul", path + "/scaled", {w, graph_.constant(path + "/scale", {}, {scale})});
    w = graph_.add("Softmax", path + "/weights", {w}, {{"axis", std::int64_t{-1}}});
    std::string y = graph_.add("MatMul", path + "/means",
                               {v, graph_.add("Transpose", path + "/weights/turned", {w}, turned)});
    y = reshaped(y, path + "/means/maps", {0, c, x.height, x.width});
    const Maps made = conv({y, c, x.height, x.width}, path + "/proj", c, 1);
    return {graph_.add("Add", path, {made.name, x.name}), c, x.height, x.width};
  }

  Maps block(const Maps& x, std::int64_t level, const std::string& side, std::int64_t number) {
    const Maps h = residual(x, fmt::format("{}{}/block{}", side, level, number), network_.channels_at(level));
    if (!network_.attends(level)) return h;
    return attention(h, fmt::format("{}{}/attention{}", side, level, number));
  }

  Maps smaller(const Maps& h, const std::string& path, std::int64_t channels) {
    if (network_.style.resample == "block") return residual(h, path, channels, Sides::halve);
    return network_.style.resample == "pool" ? halved(h, path) : conv(h, path + "/conv", channels, 3, true);
  }

  Maps larger(const Maps& h, const std::string& path, std::int64_t channels) {
    if (network_.style.resample == "block") return residual(h, path, channels, Sides::double_);
    const Maps large = doubled(h, path + "/nearest");
    return network_.style.resample == "pool" ? large : conv(large, path + "/conv", channels);
  }

  Maps down(Maps h) {
    kept_.push_back(h);
    for (std::int64_t i = 0; i < network_.levels(); ++i) {
      for (std::int64_t j = 0; j < network_.blocks; ++j) kept_.push_back(h = block(h, i, "down", j));
      if (i + 1 < network_.levels())
        kept_.push_back(h = smaller(h, fmt::format("down{}/downsample", i), network_.channels_at(i)));
    }
    return h;
  }

  Maps middle(Maps h) {
    h = residual(h, "mid/block0", h.channels);
    if (network_.middle_attention != "none")
      h = attention(h, "mid/attention", network_.middle_attention == "normalised");
    return residual(h, "mid/block1", h.channels);
  }

  Maps up(Maps h) {
    for (std::int64_t i = network_.levels() - 1; i >= 0; --i) {
      for (std::int64_t j = 0; j <= network_.blocks; ++j) {
        const Maps kept = kept_.back();
        kept_.pop_back();
        h.name = graph_.add("Concat", fmt::format("up{}/concat{}", i, j), {h.name, kept.name},
                            {{"axis", std::int64_t{1}}});
        h.channels += kept.channels;
        h = block(h, i, "up", j);
      }
      if (i > 0) h = larger(h, fmt::format("up{}/upsample", i), network_.channels_at(i));
    }
    return h;
  }

  const Network& network_;
  TensorFile& weights_;
  OnnxGraph graph_;
  std::string temb_, unit_, zero_;
  std::vector<Maps> kept_;
};

}  // namespace

std::string onnx_model(const Network& network, TensorFile& weights,
                       const std::map<std::string, std::string>& facts) {
  std::int64_t bytes = 0;
  for (const auto& [name, of] : weights.tensors())
    bytes += count_of(of.shape) * static_cast<std::int64_t>(sizeof(float));
  if (bytes > kMostBytes)
    throw UserError({}, fmt::format("'{}' holds {} bytes of weights; a file of ONNX has room for {}",
                                    weights.path().string(), bytes, kMostBytes));
  return OnnxUNet(network, weights).model(facts);
}

}  // namespace dagfusion
