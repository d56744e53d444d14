// The tensors of another program's file as the weights of a network here.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "graph/values/weights.h"
#include "nodes/files/weight_state.h"
#include "tools/exchange/layouts.h"
#include "tools/exchange/packing.h"

namespace dagfusion {

// All weights of a table with their values, or all that is wrong.
class Translation {
 public:
  Translation(TensorFile& file, const FoundNetwork& found, const Network& network, ThirdOrder order)
      : file_(file), found_(found), network_(network), order_(order) {}

  // Values are read when they are saved: this must live until then. Throws UserError with every tensor that is missing
  // or has no place.
  std::vector<StateTensor> translate(const WeightTable&);
  // What else lies in the file, by the first word of its name.
  std::string others() const;

 private:
  using Values = std::function<std::vector<float>()>;

  void translate(const WeightSpec&);
  bool translate_labels(const WeightSpec&);
  void translate_columns(const WeightSpec&, const TheirTensor&);
  void translate_sines(const WeightSpec&);
  void add(const WeightSpec&, Values);
  bool take(const std::string& name, const Shape& wanted, const WeightSpec&);
  std::vector<float> finite(const std::string& name) const;
  std::vector<float> values_of(const std::string& name, int third, std::int64_t channels) const;
  bool is_constant(const std::string& name) const;
  [[noreturn]] void refuse() const;

  TensorFile& file_;
  const FoundNetwork& found_;
  const Network& network_;
  ThirdOrder order_;
  std::vector<StateTensor> tensors_;
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

}  // namespace dagfusion
