// mean_over_images: writes the mean of values over all images of a run to <name>.csv, for validation and likelihood.
//
//   step,images,loss            one row, from [N]
//   step,images,row,bits,t      K rows, from [N,K]: one for each of the K values of an image
//
// step: updates that the weights have seen in the run around a preview; 0 elsewhere. Sums are taken in float64, in the
// order of the images. All inputs have one shape. Images that only fill up a frame do not count.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
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
    if (rows_ > 1) return run.told(fmt::format("{}: {} rows of {} images", name_, rows_, images_));
    std::string told;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      told += fmt::format("{}{} {:.6g}", i ? ", " : "", inputs_[i].first, mean(i, 0));
    run.told(fmt::format("{}: {} over {} images", name_, told, images_));
  }

  void clear() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    images_ = 0;
  }

  std::vector<std::pair<std::string, Input>> inputs_;
  std::string name_;
  std::size_t rows_;          // values of one image
  std::vector<double> sums_;  // [inputs, rows]
  std::int64_t images_ = 0;
};

}  // namespace

NodeType mean_over_images() {
  return {.name = "mean_over_images",
          .summary = "Writes the mean of values over all images of a run to a CSV file.",
          .stands_for = {"measure"},
          .example = "{type: mean_over_images, in: {loss: loss.per_image}, name: validation}",
          .role = Role::ordered,
          .inputs = {{kAnyName, "[N,...] f32", "a value, or several, of each image"}},
          .parameters = {{.name = "name",
                          .kind = Kind::text,
                          .doc = "of the file, without .csv, and in the report",
                          .standard = std::string("means")}},
          .create = make_node<MeanOverImages>};
}

}  // namespace dagfusion
