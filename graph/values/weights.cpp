#include "graph/values/weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "graph/values/alignment.h"
#include "graph/values/parallel.h"
#include "graph/values/random.h"
#include "graph/values/uniform.h"

namespace dagfusion {

namespace {

std::size_t plain_count(const WeightSpec& spec) { return static_cast<std::size_t>(count_of(spec.shape)); }

// Word w of a block as a real number in (0, 1], so that its logarithm is finite.
double positive(std::uint32_t word) { return (static_cast<double>(word) + 1) * 0x1p-32; }

// Values in plain order, four from each block, so that the layout in memory never changes them.
std::vector<float> draw(const Init& init, std::size_t count, std::array<std::uint32_t, 2> key) {
  std::vector<float> values(count, static_cast<float>(init.value));
  if (init.kind == Init::Kind::constant) return values;
  const RandomStream stream{.key = key};
  if (init.kind == Init::Kind::uniform) {
    draw_uniform(stream, init.value, values.data(), count);
    return values;
  }
  for (std::size_t i = 0; i < count; i += 4) {
    const Philox4 words = stream.block(static_cast<std::uint32_t>(i / 4));
    std::array<double, 4> four;
    for (std::size_t w = 0; w < 4; w += 2) {  // Box and Muller 1958
      const double radius = std::sqrt(-2 * std::log(positive(words[w])));
      const double angle = 2 * std::numbers::pi * positive(words[w + 1]);
      four[w] = radius * std::cos(angle);
      four[w + 1] = radius * std::sin(angle);
    }
    for (std::size_t w = 0; w < 4 && i + w < count; ++w)
      values[i + w] = static_cast<float>(init.value * four[w]);
  }
  return values;
}

}  // namespace

int WeightTable::add(WeightSpec spec) {
  if (const int known = find(spec.path); known >= 0) {
    const WeightSpec& other = weights_[static_cast<std::size_t>(known)];
    if (other.shape != spec.shape)
      throw std::logic_error("weight '" + spec.path + "' has shape " + to_string(spec.shape) + ", but had " +
                             to_string(other.shape));
    if (other.layout.key != spec.layout.key || other.elements() != spec.elements())
      throw std::logic_error("weight '" + spec.path + "' has layout '" + spec.layout.key + "', but had '" +
                             other.layout.key + "'");
    return known;
  }
  if (spec.elements() < plain_count(spec))
    throw std::logic_error("weight '" + spec.path + "' has a layout smaller than its shape " +
                           to_string(spec.shape));
  spec.offset = floats_;
  floats_ = round_up(floats_ + spec.elements(), kAlignment / sizeof(float));
  weights_.push_back(std::move(spec));
  return static_cast<int>(weights_.size()) - 1;
}

int WeightTable::add(PackedSpec spec) {
  if (spec.weight < 0 || static_cast<std::size_t>(spec.weight) >= weights_.size())
    throw std::logic_error("packed copy '" + spec.key + "' of a weight that is not in the table");
  for (std::size_t i = 0; i < packed_.size(); ++i) {
    if (packed_[i].weight != spec.weight || packed_[i].key != spec.key) continue;
    if (packed_[i].bytes != spec.bytes)
      throw std::logic_error("packed copy '" + spec.key + "' was asked for with two sizes");
    return static_cast<int>(i);
  }
  spec.offset = packed_bytes_;
  packed_bytes_ = aligned(packed_bytes_ + spec.bytes);
  packed_.push_back(std::move(spec));
  return static_cast<int>(packed_.size()) - 1;
}

int WeightTable::find(const std::string& path) const {
  const auto is_it = [&](const WeightSpec& weight) { return weight.path == path; };
  const auto found = std::find_if(weights_.begin(), weights_.end(), is_it);
  return found == weights_.end() ? -1 : static_cast<int>(found - weights_.begin());
}

std::int64_t WeightTable::parameters() const {
  std::int64_t count = 0;
  for (const WeightSpec& weight : weights_) count += count_of(weight.shape);
  return count;
}

void WeightTable::initialise(std::span<float> values, std::uint64_t seed) const {
  if (weights_.empty()) return;
  in_parallel(weights_.size(), [&](std::size_t i) {
    const WeightSpec& weight = weights_[i];
    set_plain(static_cast<int>(i), draw(weight.init, plain_count(weight), stream_key(seed, weight.path)),
              values);
  });
}

void WeightTable::pack(const WeightValues& values) const {
  if (packed_.empty()) return;
  in_parallel(packed_.size(), [&](std::size_t i) {
    const PackedSpec& packed = packed_[i];
    const WeightSpec& weight = weights_[static_cast<std::size_t>(packed.weight)];
    packed.pack(values.values().data() + weight.offset, values.packed() + packed.offset);
  });
}

std::vector<float> WeightTable::plain(int index, std::span<const float> values) const {
  const WeightSpec& weight = weights_.at(static_cast<std::size_t>(index));
  const auto stored = values.subspan(weight.offset, weight.elements());
  std::vector<float> plain(plain_count(weight));
  if (weight.layout.load) {
    weight.layout.load(stored.data(), plain.data());
  } else {
    std::copy_n(stored.begin(), plain.size(), plain.begin());
  }
  return plain;
}

void WeightTable::set_plain(int index, std::span<const float> plain, std::span<float> values) const {
  const WeightSpec& weight = weights_.at(static_cast<std::size_t>(index));
  if (plain.size() != plain_count(weight))
    throw std::logic_error("weight '" + weight.path + "' " + to_string(weight.shape) + " was given " +
                           std::to_string(plain.size()) + " values");
  const auto stored = values.subspan(weight.offset, weight.elements());
  std::fill(stored.begin(), stored.end(), 0.0f);  // the filling
  if (weight.layout.store) {
    weight.layout.store(plain.data(), stored.data());
  } else {
    std::copy(plain.begin(), plain.end(), stored.begin());
  }
}

}  // namespace dagfusion
