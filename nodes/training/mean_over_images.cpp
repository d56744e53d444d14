// mean_over_images: writes the mean of values over all images of a run to <name>.csv, for validation and likelihood.
//
//   step,images,loss            one row, from [N]
//   step,images,row,bits,t      K rows, from [N,K]: one for each of the K values of an image
//
// along: <name>.svg shows the rows of the other inputs as curves over that one; their logarithms, where they are positive and
// of very different sizes.
// step: updates that the weights have seen in the run around a preview; 0 elsewhere. Sums are taken in float64, in the
// order of the images. All inputs have one shape. Images that only fill up a frame do not count.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "nodes/files/curves.h"
#include "nodes/files/durable.h"

namespace dagfusion {
namespace {

const std::vector<std::string> kOwnColumns = {"step", "images", "row"};

class MeanOverImages final : public Ordered, public NeedsAll {
 public:
  explicit MeanOverImages(Setup& setup) : inputs_(setup.any_inputs()), name_(setup.text("name")) {
    if (inputs_.empty())
      setup.fail("nothing is wired; say what to average, as in 'in: {loss: loss.per_image}'");
    for (const auto& [name, input] : inputs_)
      if (std::find(kOwnColumns.begin(), kOwnColumns.end(), name) != kOwnColumns.end())
        setup.fail_at_input(name, fmt::format("'{}' is written anyway; give the input another name", name));
    if (name_.empty() || name_.find('/') != name_.npos)
      setup.fail_at("name",
                    fmt::format("'name' is '{}'; it is the name of a file without a directory", name_));
    const Shape& shape = inputs_.front().second.spec.shape;
    rows_ = static_cast<std::size_t>(count_of(shape) / shape[0]);
    sums_.resize(inputs_.size() * rows_);
    if (setup.has("along")) along_ = drawn_along(setup);
  }

  std::optional<CsvFile> csv() const override {
    CsvFile file{name_ + ".csv", {"step", "images"}};
    if (rows_ > 1) file.columns.emplace_back("row");
    for (const auto& [name, input] : inputs_) file.columns.push_back(name);
    return file;
  }

  void run(Call& call) override {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const float* values = call.in<float>(inputs_[i].second);
      for (int n = 0; n < call.valid(); ++n)
        for (std::size_t row = 0; row < rows_; ++row) sums_[i * rows_ + row] += *values++;
    }
    images_ += call.valid();
  }

  void finish(RunInfo& run) override {
    if (images_ > 0) write(run);
    clear();  // a preview runs again
  }
  void give_up(RunInfo& run) override {
    run.told(fmt::format("{}: not measured, since the run was stopped before its last image", name_));
    clear();
  }

 private:
  std::size_t drawn_along(Setup& setup) const {
    const std::string wanted = setup.text("along");
    if (rows_ < 2)
      setup.fail_at(
          "along",
          "'along' draws curves, but the inputs have one value of each image; loops collect several");
    const auto found = std::find_if(inputs_.begin(), inputs_.end(),
                                    [&](const auto& input) { return input.first == wanted; });
    if (found == inputs_.end())
      setup.fail_at("along", fmt::format("'along' is '{}', which is no input of this node", wanted));
    return static_cast<std::size_t>(found - inputs_.begin());
  }

  double mean(std::size_t input, std::size_t row) const {
    return sums_[input * rows_ + row] / static_cast<double>(images_);
  }

  void write(RunInfo& run) const {
    const CsvFile file = *csv();
    std::string text = fmt::format("{}\n", fmt::join(file.columns, ","));
    for (std::size_t row = 0; row < rows_; ++row) {
      text += fmt::format("{},{}", run.steps_done(), images_);
      if (rows_ > 1) text += fmt::format(",{}", row);
      for (std::size_t i = 0; i < inputs_.size(); ++i) text += fmt::format(",{:.9g}", mean(i, row));
      text += "\n";
    }
    replace_file(run.resolve(file.name), text);
    if (along_) draw(run);
    if (rows_ > 1) return run.told(fmt::format("{}: {} rows of {} images", name_, rows_, images_));
    std::string means;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      means += fmt::format("{}{} {:.6g}", i ? ", " : "", inputs_[i].first, mean(i, 0));
    run.told(fmt::format("{}: {} over {} images", name_, means, images_));
  }

  void draw(RunInfo& run) const {
    std::vector<double> along;
    for (std::size_t row = 0; row < rows_; ++row) along.push_back(mean(*along_, row));
    std::vector<Plot> plots;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (i != *along_) plots.push_back(plot(i));
    const std::string title = fmt::format("{}, {} images, over {}", name_, images_, inputs_[*along_].first);
    replace_file(run.resolve(name_ + ".svg"), curves_svg(title, along, plots));
  }

  Plot plot(std::size_t input) const {
    constexpr double kVeryDifferent = 100;
    const std::string& name = inputs_[input].first;
    Curve curve{name, {}};
    for (std::size_t row = 0; row < rows_; ++row) curve.values.push_back(mean(input, row));
    const auto [least, most] = std::minmax_element(curve.values.begin(), curve.values.end());
    if (*least <= 0 || *most < kVeryDifferent * *least) return {name, {curve}};
    for (double& value : curve.values) value = std::log10(value);
    return {"log10 of " + name, {curve}};
  }

  void clear() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    images_ = 0;
  }

  std::vector<std::pair<std::string, Input>> inputs_;
  std::string name_;
  std::optional<std::size_t> along_;  // the input over which curves are drawn
  std::size_t rows_;                  // values of one image
  std::vector<double> sums_;          // [inputs, rows]
  std::int64_t images_ = 0;
};

}  // namespace

NodeType mean_over_images() {
  return {
      .name = "mean_over_images",
      .summary = "Writes the mean of values over all images of a run to a CSV file.",
      .stands_for = {"measure"},
      .example = "{type: mean_over_images, in: {loss: loss.per_image}, name: validation}",
      .role = Role::ordered,
      .inputs = {{kAnyName, "[N,...] f32", "a value, or several, of each image"}},
      .parameters = {{.name = "name",
                      .kind = Kind::text,
                      .doc = "of the file, without .csv, and in the report",
                      .standard = std::string("means")},
                     {.name = "along",
                      .kind = Kind::text,
                      .doc = "input over which the rows of the others are drawn as curves, into an SVG file",
                      .wanted = "the name of an input"}},
      .create = make_node<MeanOverImages>};
}

}  // namespace dagfusion
