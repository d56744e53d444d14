// Numbers of the run for a log: each as its mean over the steps since it was last asked for,
// of those in which its node gives one.
#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graph/types/node.h"

namespace dagfusion {

class StepMeans {
 public:
  explicit StepMeans(std::vector<std::pair<std::string, Input>> inputs)
      : inputs_(std::move(inputs)), sums_(inputs_.size()) {}

  std::size_t size() const { return inputs_.size(); }
  bool empty() const { return inputs_.empty(); }
  const std::string& name(std::size_t i) const { return inputs_[i].first; }
  const std::vector<std::pair<std::string, Input>>& inputs() const { return inputs_; }

  void add(const Call& call) {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (const Input& input = inputs_[i].second; call.fresh(input)) sums_[i].add(*call.in<float>(input));
  }

  // And begins anew. Nothing: no step has given one.
  std::optional<float> take(std::size_t i) { return std::exchange(sums_[i], {}).mean(); }

  // What has come since the last line, for a checkpoint.
  std::vector<StateTensor> state() {
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(sums_));
    return {{.name = "sums",
             .dtype = DType::u8,
             .shape = {static_cast<std::int64_t>(bytes.size())},
             .save = [bytes](std::byte* out) { std::copy(bytes.begin(), bytes.end(), out); },
             .load = [bytes](const std::byte* in) { std::copy_n(in, bytes.size(), bytes.begin()); }}};
  }

 private:
  struct Sum {
    double sum = 0;
    std::int64_t count = 0;
    std::int64_t not_numbers = 0;  // steps besides: a mean over no image at all

    void add(float value) {
      if (std::isnan(value)) return void(++not_numbers);
      sum += static_cast<double>(value);
      ++count;
    }
    std::optional<float> mean() const {
      if (count > 0) return static_cast<float>(sum / static_cast<double>(count));
      return not_numbers > 0 ? std::optional(std::numeric_limits<float>::quiet_NaN()) : std::nullopt;
    }
  };

  std::vector<std::pair<std::string, Input>> inputs_;
  std::vector<Sum> sums_;  // by input
};

}  // namespace dagfusion
