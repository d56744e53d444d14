// The weights of one model: all values in one block of memory, all gradient sums in another, both in the
// layout that the layers want, so that an optimiser is one loop over floats.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/values/buffer.h"
#include "graph/values/tensor.h"

namespace dagfusion {

// How values start.
struct Init {
  enum class Kind { constant, uniform, normal };  // uniform in [-value, value]; normal with deviation `value`
  Kind kind = Kind::constant;
  double value = 0;
};

// How a weight lies in memory. `key` names the layout: calls that share a weight must agree on it.
struct StoredLayout {
  std::string key = "plain";
  std::size_t elements = 0;  // 0: as many as the shape has; more where channels are filled up with zeros
  std::function<void(const float* plain, float* stored)> store;  // empty: a copy
  std::function<void(const float* stored, float* plain)> load;
};

struct WeightSpec {
  std::string path;  // "model/down0/block1/conv1.weight"
  Shape shape;       // PyTorch's order: conv [Cout,Cin,kh,kw], linear [out,in]
  Init init;
  StoredLayout layout;
  std::size_t offset = 0;  // in floats, a multiple of 16
  std::size_t elements() const {
    return layout.elements ? layout.elements : static_cast<std::size_t>(count_of(shape));
  }
};

// A further copy of a weight in a form some primitive wants; refreshed after every update.
struct PackedSpec {
  int weight = 0;
  std::string key;
  std::size_t bytes = 0;
  std::function<void(const float* stored, std::byte* packed)> pack;
  std::size_t offset = 0;
};

// One set of values for all weights: the live ones, or an average of them.
class WeightValues {
 public:
  WeightValues() = default;
  WeightValues(std::size_t floats, std::size_t packed_bytes)
      : values_(floats * sizeof(float)), packed_(packed_bytes) {}
  std::span<float> values() const { return values_.as<float>(); }
  std::byte* packed() const { return packed_.data(); }

 private:
  Buffer values_, packed_;
};

class WeightTable {
 public:
  // Index of a weight; the same path again gives the same index
  // (shape and layout must agree, else std::logic_error).
  int add(WeightSpec);
  int add(PackedSpec);
  int find(const std::string& path) const;  // -1 when there is none
  const std::vector<WeightSpec>& weights() const { return weights_; }
  const std::vector<PackedSpec>& packed() const { return packed_; }
  std::size_t floats() const { return floats_; }
  std::size_t packed_bytes() const { return packed_bytes_; }
  std::int64_t parameters() const;  // what papers count: no filling

  void initialise(std::span<float> values, std::uint64_t seed) const;  // stream = the weight's path
  void pack(const WeightValues&) const;
  std::vector<float> plain(int weight, std::span<const float> values) const;
  void set_plain(int weight, std::span<const float> plain, std::span<float> values) const;

 private:
  std::vector<WeightSpec> weights_;
  std::vector<PackedSpec> packed_;
  std::size_t floats_ = 0, packed_bytes_ = 0;
};

}  // namespace dagfusion
