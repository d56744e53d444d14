// What measures of image quality compare: features of generated and of real images, gathered over all frames.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"

namespace dagfusion {

// A row of `size` numbers for each image, in the order of the images.
struct Features {
  std::size_t size = 0;
  std::vector<float> values;

  std::size_t count() const { return size == 0 ? 0 : values.size() / size; }
  const float* row(std::size_t i) const { return values.data() + i * size; }
  std::span<const float> rows() const { return values; }
};

// Those of the rows that `chosen` lists.
Features some_of(const Features&, std::span<const std::size_t> chosen);

// A port's values of this frame behind those of earlier ones. Images that only fill up a frame are left out.
void gather(const Call&, const Input&, Features&);

// One number that a measure gives: its column in the file, and its value.
using Score = std::pair<std::string, double>;

// A node that gathers features over a run and writes what it measures to <name>.csv: images, one column for each score.
// In frame order, so that no bit depends on how the images were cut into frames.
class FeatureMeasure : public Ordered, public NeedsAll {
 public:
  // `reference_port`: empty for a measure of generated images alone.
  FeatureMeasure(Setup&, std::string_view samples_port, std::string_view reference_port,
                 std::vector<std::string> columns);

  std::optional<CsvFile> csv() const override;
  void run(Call&) override;
  void finish(RunInfo&) override;
  void give_up(RunInfo&) override;

 protected:
  // `samples` are not empty. A std::runtime_error says why nothing can be measured.
  virtual std::vector<double> measure(const Features& samples, const Features& reference) = 0;
  const Input& samples() const { return samples_; }
  const Input& reference() const { return reference_; }

 private:
  void clear();

  Input samples_, reference_;  // reference: where the node has such an input, and it is wired
  std::string name_;
  std::vector<std::string> columns_;
  Features sample_features_, reference_features_;
};

Parameter measure_name(std::string standard);  // the parameter `name`
std::vector<Port> feature_inputs(bool reference_optional = false);

}  // namespace dagfusion
