// What stands behind OneNode: values in any layout, a run's facts, and the Call that a node sees.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "graph/bfloat16.h"
#include "tests/one_node.h"

namespace dagfusion::tests {

// Where element (n, c, p) of a value lies: plain, or blocked by channels.
inline std::size_t place(const TensorSpec& spec, std::size_t plain) {
  if (spec.block == 1) return plain;
  const auto area = static_cast<std::size_t>(spec.shape[2] * spec.shape[3]),
             channels = static_cast<std::size_t>(spec.shape[1]);
  const auto block = static_cast<std::size_t>(spec.block), blocks = (channels + block - 1) / block;
  const std::size_t n = plain / (channels * area), c = plain / area % channels, p = plain % area;
  return ((n * blocks + c / block) * area + p) * block + c % block;
}

inline float read(const TensorSpec& spec, const std::byte* data, std::size_t at) {
  switch (spec.dtype) {
    case DType::u8:
      return static_cast<float>(reinterpret_cast<const std::uint8_t*>(data)[at]);
    case DType::u16:
      return static_cast<float>(reinterpret_cast<const std::uint16_t*>(data)[at]);
    case DType::i32:
      return static_cast<float>(reinterpret_cast<const std::int32_t*>(data)[at]);
    case DType::bf16:
      return to_float(reinterpret_cast<const BFloat16*>(data)[at]);
    default:
      return reinterpret_cast<const float*>(data)[at];
  }
}

inline void write(const TensorSpec& spec, std::byte* data, std::size_t at, float value) {
  switch (spec.dtype) {
    case DType::u8:
      reinterpret_cast<std::uint8_t*>(data)[at] = static_cast<std::uint8_t>(value);
      break;
    case DType::u16:
      reinterpret_cast<std::uint16_t*>(data)[at] = static_cast<std::uint16_t>(value);
      break;
    case DType::i32:
      reinterpret_cast<std::int32_t*>(data)[at] = static_cast<std::int32_t>(value);
      break;
    case DType::bf16:
      reinterpret_cast<BFloat16*>(data)[at] = to_bfloat16(value);
      break;
    default:
      reinterpret_cast<float*>(data)[at] = value;
  }
}

struct Value {
  TensorSpec spec;
  Buffer memory;
  std::vector<Image> images;
  explicit Value(TensorSpec s = {}) : spec(std::move(s)), memory(spec.bytes() + 64) {}
  Plain plain() const {
    Plain p{spec.shape, std::vector<float>(static_cast<std::size_t>(count_of(spec.shape)))};
    for (std::size_t i = 0; i < p.values.size(); ++i) p.values[i] = read(spec, memory.data(), place(spec, i));
    return p;
  }
  void forget() { std::memset(memory.data(), 0xFF, spec.bytes()); }  // floats: NaN
  // Channels that only fill the last block up.
  void expect_zero_filling(const std::string& name) const {
    if (spec.block == 1) return;
    std::vector<bool> counts(spec.stored_elements());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count_of(spec.shape)); ++i)
      counts[place(spec, i)] = true;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] || read(spec, memory.data(), i) == 0) continue;
      ADD_FAILURE() << name << " holds " << read(spec, memory.data(), i)
                    << " in a channel that only fills a block up";
      return;
    }
  }
  void set(const std::vector<float>& values) {
    if (values.size() != static_cast<std::size_t>(count_of(spec.shape)))
      throw std::logic_error("a value of another size");
    std::memset(memory.data(), 0, spec.bytes());
    for (std::size_t i = 0; i < values.size(); ++i) write(spec, memory.data(), place(spec, i), values[i]);
  }
};

struct Bench : RunInfo {
  Catalog types;
  Tree tree;
  Checked checked;
  int node = -1;
  BenchOptions options;
  std::vector<std::vector<Value>> outputs, saved;  // by node
  std::vector<Value> d_outputs, d_inputs;          // of the node
  std::vector<bool> wants;
  WeightValues live;
  Buffer gradient, scratch;
  std::int64_t position_ = 0;
  int iteration_ = 0, valid_ = -1;
  bool first = true, dropped_ = false;

  std::filesystem::path directory() const override { return options.directory; }
  std::filesystem::path resolve(const std::string& path) const override {
    return std::filesystem::path(path).is_absolute() ? std::filesystem::path(path) : directory() / path;
  }
  std::uint64_t seed() const override { return options.seed; }
  std::int64_t steps_done() const override {
    return position_ / std::max<std::int64_t>(checked.run.batch_size, 1) + 1;
  }
  std::int64_t first_step() const override { return 0; }
  const WeightTable& weights() const override { return *checked.weights; }
  WeightValues& values() override { return live; }
  std::span<float> gradients() override { return gradient.as<float>(); }
  std::string resolved_yaml() const override { return write_document(tree); }
  std::string state_json() const override { return "{}\n"; }
  std::vector<Stateful> stateful() const override { return {}; }
  void told(const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> lines;
};

class BenchCall final : public Call {
 public:
  BenchCall(Bench& s, int node)
      : s_(s), index_(node), node_(s.checked.nodes[static_cast<std::size_t>(node)]) {}
  const std::vector<Image>& images(const Input& i) const override { return from(i.index).images; }
  std::vector<Image>& images(const Output& o) const override {
    return s_.outputs[at()][static_cast<std::size_t>(o.index)].images;
  }
  const float* weight(const Weight& w) const override { return s_.live.values().data() + spec_of(w).offset; }
  const std::byte* packed(const Packed& p) const override {
    return s_.live.packed() +
           s_.checked.weights
               ->packed()[static_cast<std::size_t>(node_.packed[static_cast<std::size_t>(p.index)])]
               .offset;
  }
  const void* d(const Output& o) const override {
    return s_.d_outputs[static_cast<std::size_t>(o.index)].memory.data();
  }
  void* d(const Input& i) const override {
    if (!i.connected() || !s_.wants[static_cast<std::size_t>(i.index)]) return nullptr;
    return s_.d_inputs[static_cast<std::size_t>(i.index)].memory.data();
  }
  float* d(const Weight& w) const override { return s_.gradients().data() + spec_of(w).offset; }
  bool first_of_step() const override { return s_.first; }
  std::int64_t position() const override { return s_.position_; }
  int valid() const override { return s_.valid_ < 0 ? s_.checked.run.micro_batch : s_.valid_; }
  std::int64_t step() const override { return s_.position_ / s_.checked.run.batch_size; }
  int iteration() const override { return s_.iteration_; }
  RandomStream random(int image) const override {
    return {.key = node_.stream,
            .image = static_cast<std::uint64_t>(s_.position_ + image),
            .iteration = static_cast<std::uint32_t>(s_.iteration_)};
  }
  std::int64_t sample(int image) const override {
    const std::int64_t n = s_.position_ + image;
    const auto size = static_cast<const DataSet&>(*node_.node).size();
    if (!size) return n;
    if (!node_.shuffle) return n % *size;
    return static_cast<std::int64_t>(shuffled(static_cast<std::uint64_t>(n % *size),
                                              static_cast<std::uint64_t>(*size),
                                              static_cast<std::uint64_t>(n / *size), node_.stream));
  }
  std::byte* scratch() const override { return s_.scratch.data(); }
  void drop(const std::string&) const override { s_.dropped_ = true; }
  RunInfo& run() const override { return s_; }

 protected:
  const void* input(int i) const override { return i < 0 ? nullptr : from(i).memory.data(); }
  void* output(int o) const override { return s_.outputs[at()][static_cast<std::size_t>(o)].memory.data(); }
  void* saved_slot(int i) const override { return s_.saved[at()][static_cast<std::size_t>(i)].memory.data(); }

 private:
  std::size_t at() const { return static_cast<std::size_t>(index_); }
  Value& from(int input) const {
    const Wire w = node_.inputs[static_cast<std::size_t>(input)].from;
    return s_.outputs[static_cast<std::size_t>(w.node)][static_cast<std::size_t>(w.output)];
  }
  const WeightSpec& spec_of(const Weight& w) const {
    return s_.checked.weights
        ->weights()[static_cast<std::size_t>(node_.weights[static_cast<std::size_t>(w.index)])];
  }
  Bench& s_;
  int index_;
  const CheckedNode& node_;
};

}  // namespace dagfusion::tests
