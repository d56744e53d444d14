#include "tools/exchange/translation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <map>

namespace dagfusion {

namespace {

constexpr double kLongestPeriod = 10000;  // of the time embedding

bool same_but_for_ones(Shape a, Shape b) {
  std::erase(a, 1);
  std::erase(b, 1);
  return a == b;
}

// What time_embedding makes of a number.
std::vector<float> sines_of(double t, std::int64_t dim, const UNetStyle& style) {
  const std::int64_t half = dim / 2;
  std::vector<float> y(static_cast<std::size_t>(dim));
  for (std::int64_t i = 0; i < half; ++i) {
    const double angle =
        t * std::exp(-std::log(kLongestPeriod) * double(i) / double(half - style.freq_shift));
    const bool sine_first = style.time_order == "sin_cos";
    y[static_cast<std::size_t>(sine_first ? i : half + i)] = static_cast<float>(std::sin(angle));
    y[static_cast<std::size_t>(sine_first ? half + i : i)] = static_cast<float>(std::cos(angle));
  }
  return y;
}

// weight x + bias, weight: [D,A]
std::vector<float> linear(const std::vector<float>& weight, const std::vector<float>& bias,
                          const std::vector<float>& x) {
  std::vector<float> y = bias;
  for (std::size_t d = 0; d < y.size(); ++d) {
    double sum = 0;
    for (std::size_t a = 0; a < x.size(); ++a) sum += double(weight[d * x.size() + a]) * double(x[a]);
    y[d] += static_cast<float>(sum);
  }
  return y;
}

}  // namespace

std::vector<StateTensor> Translation::translate(const WeightTable& table) {
  for (const WeightSpec& weight : table.weights()) translate(weight);
  for (const auto& [name, facts] : file_.tensors())
    if (name.starts_with(found_.prefix) && !used_.count(name) && !is_constant(name))
      problems_.push_back(
          fmt::format("the tensor '{}' {} has no place in this network", name, to_string(facts.shape)));
  if (!problems_.empty()) refuse();
  return std::move(tensors_);
}

std::string Translation::others() const {
  std::map<std::string, int> counts;
  for (const auto& [name, facts] : file_.tensors())
    if (!name.starts_with(found_.prefix)) ++counts[name.substr(0, name.find('.'))];
  std::vector<std::string> words;
  for (const auto& [word, count] : counts) words.push_back(fmt::format("{} below '{}'", count, word));
  return fmt::format("{}", fmt::join(words, ", "));
}

void Translation::translate(const WeightSpec& weight) {
  if (translate_labels(weight)) return;
  const auto theirs = their_tensor(*found_.layout, network_, weight.path);
  if (!theirs) {
    problems_.push_back(fmt::format("{} has no name for '{}'", found_.layout->words, weight.path));
    return;
  }
  if (theirs->classes != TensorLayout::Classes::rows) return translate_columns(weight, *theirs);
  const std::string name = found_.prefix + theirs->name;
  Shape wanted = weight.shape;
  if (theirs->third >= 0) wanted[0] *= 3;
  if (!take(name, wanted, weight)) return;
  add(weight, [this, name, third = theirs->third, channels = weight.shape[0]] {
    return values_of(name, third, channels);
  });
}

void Translation::add(const WeightSpec& weight, Values values) {
  tensors_.push_back({.name = weight.path,
                      .dtype = DType::f32,
                      .shape = weight.shape,
                      .save = [values = std::move(values)](std::byte* out) {
                        const std::vector<float> all = values();
                        std::memcpy(out, all.data(), all.size() * sizeof(float));
                      }});
}

// Whether the tensor is there, in this shape; else that is a problem.
bool Translation::take(const std::string& name, const Shape& wanted, const WeightSpec& weight) {
  const auto facts = file_.tensors().find(name);
  if (facts == file_.tensors().end()) {
    problems_.push_back(
        fmt::format("the tensor '{}' is missing ({} for '{}')", name, to_string(weight.shape), weight.path));
    return false;
  }
  used_.insert(name);
  if (same_but_for_ones(facts->second.shape, wanted)) return true;
  problems_.push_back(fmt::format("the tensor '{}' is {}, but the network has {}", name,
                                  to_string(facts->second.shape), to_string(wanted)));
  return false;
}

std::vector<float> Translation::finite(const std::string& name) const {
  std::vector<float> values = file_.read(name);
  if (std::any_of(values.begin(), values.end(), [](float v) { return !std::isfinite(v); }))
    throw UserError({}, fmt::format("'{}': the tensor '{}' holds numbers that are not finite",
                                    file_.path().string(), name));
  return values;
}

std::vector<float> Translation::values_of(const std::string& name, int third, std::int64_t channels) const {
  const std::vector<float> values = finite(name);
  return third < 0 ? values : take_third(values, channels, network_.heads(channels), third, order_);
}

bool Translation::is_constant(const std::string& name) const {
  const std::string& word = found_.layout->constants;
  return !word.empty() && name.ends_with("." + word);
}

// Vectors of labels that no table of theirs holds.
bool Translation::translate_labels(const WeightSpec& weight) {
  using Vectors = Network::LabelVectors;
  if (network_.label_vectors == Vectors::of_sines && weight.path.ends_with("/class_embedding.weight")) {
    translate_sines(weight);
    return true;
  }
  if (network_.label_vectors == Vectors::as_they_are && weight.path.ends_with("/augment_embedding.weight")) {
    add(weight, [dim = weight.shape[0]] {  // the map that changes nothing
      std::vector<float> values(static_cast<std::size_t>(dim * dim), 0);
      for (std::int64_t d = 0; d < dim; ++d) values[static_cast<std::size_t>(d * dim + d)] = 1;
      return values;
    });
    return true;
  }
  return false;
}

// A class has sines and cosines like a timestep, behind which are two linear layers: a table of what comes out of them.
void Translation::translate_sines(const WeightSpec& weight) {
  const std::string at = found_.prefix + "class_embedding.linear_";
  const std::int64_t classes = weight.shape[0], dim = weight.shape[1], sines = network_.channels;
  const bool there = take(at + "1.weight", {dim, sines}, weight) & take(at + "1.bias", {dim}, weight) &
                     take(at + "2.weight", {dim, dim}, weight) & take(at + "2.bias", {dim}, weight);
  if (!there) return;
  add(weight, [this, at, classes, sines] {
    const std::vector<float> weight1 = finite(at + "1.weight"), bias1 = finite(at + "1.bias"),
                             weight2 = finite(at + "2.weight"), bias2 = finite(at + "2.bias");
    std::vector<float> rows;
    for (std::int64_t k = 0; k < classes; ++k) {
      std::vector<float> h = linear(weight1, bias1, sines_of(double(k), sines, network_.style));
      for (float& x : h) x /= 1 + std::exp(-x);  // SiLU
      const std::vector<float> row = linear(weight2, bias2, h);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
  });
}

// Vectors of classes that lie side by side, and what is added to all of them.
void Translation::translate_columns(const WeightSpec& weight, const TheirTensor& theirs) {
  const std::string name = found_.prefix + theirs.name, bias = name.substr(0, name.rfind('.')) + ".bias";
  const bool scaled = theirs.classes == TensorLayout::Classes::scaled_columns;
  const std::int64_t classes = weight.shape[0] - 1, dim = weight.shape[1];
  if (!take(name, {dim, classes}, weight) || (scaled && !take(bias, {dim}, weight))) return;
  const float scale = scaled ? std::sqrt(static_cast<float>(classes)) : 1;
  add(weight, [this, name, bias, scaled, classes, scale] {
    return rows_of_classes(finite(name), scaled ? finite(bias) : std::vector<float>(), classes, scale);
  });
}

void Translation::refuse() const {
  constexpr std::size_t kMost = 20;
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < std::min(kMost, problems_.size()); ++i)
    faults.push_back({{}, fmt::format("'{}': {}", file_.path().string(), problems_[i])});
  if (problems_.size() > kMost)
    faults.push_back({{}, fmt::format("and {} more like these", problems_.size() - kMost)});
  throw UserError(std::move(faults));
}

}  // namespace dagfusion
