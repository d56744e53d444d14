#include "nodes/measures/features.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/files/durable.h"

namespace dagfusion {

Features some_of(const Features& all, std::span<const std::size_t> chosen) {
  Features some{.size = all.size, .values = {}};
  some.values.reserve(chosen.size() * all.size);
  for (const std::size_t i : chosen) some.values.insert(some.values.end(), all.row(i), all.row(i) + all.size);
  return some;
}

void gather(const Call& call, const Input& from, Features& to) {
  to.size = static_cast<std::size_t>(from.spec.shape[1]);
  const float* values = call.in<float>(from);
  to.values.insert(to.values.end(), values, values + static_cast<std::size_t>(call.valid()) * to.size);
}

FeatureMeasure::FeatureMeasure(Setup& setup, std::string_view samples_port, std::string_view reference_port,
                               std::vector<std::string> columns)
    : samples_(setup.input(samples_port)),
      reference_(reference_port.empty() ? Input() : setup.input(reference_port)),
      name_(setup.text("name")),
      columns_(std::move(columns)) {
  if (name_.empty() || name_.find('/') != name_.npos)
    setup.fail_at("name", fmt::format("'name' is '{}'; it is the name of a file without a directory", name_));
}

std::optional<CsvFile> FeatureMeasure::csv() const {
  CsvFile file{name_ + ".csv", {"images"}};
  file.columns.insert(file.columns.end(), columns_.begin(), columns_.end());
  return file;
}

void FeatureMeasure::run(Call& call) {
  gather(call, samples_, sample_features_);
  if (reference_.connected()) gather(call, reference_, reference_features_);
}

void FeatureMeasure::finish(RunInfo& run) {
  if (sample_features_.count() == 0) return;
  try {
    const std::vector<double> scores = measure(sample_features_, reference_features_);
    std::string row = std::to_string(sample_features_.count()), scores_in_words;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      row += fmt::format(",{:.9g}", scores[i]);
      scores_in_words += fmt::format("{}{} {:.6g}", i ? ", " : "", columns_[i], scores[i]);
    }
    const CsvFile file = *csv();
    replace_file(run.resolve(file.name), fmt::format("{}\n{}\n", fmt::join(file.columns, ","), row));
    run.told(fmt::format("{}: {} over {} images", name_, scores_in_words, sample_features_.count()));
  } catch (const std::runtime_error& error) {
    run.told(fmt::format("{}: not measured, {}", name_, error.what()));
  }
  clear();  // a preview runs again
}

void FeatureMeasure::give_up(RunInfo& run) {
  run.told(fmt::format("{}: not measured, since the run was stopped before its last image", name_));
  clear();
}

void FeatureMeasure::clear() {
  sample_features_.values.clear();
  reference_features_.values.clear();
}

Parameter measure_name(std::string standard) {
  return {.name = "name",
          .kind = Kind::text,
          .doc = "of the file, without .csv, and in the report",
          .standard = std::move(standard)};
}

std::vector<Port> feature_inputs(bool reference_optional) {
  return {{"samples", "[N,F] f32", "features of generated images"},
          {"reference", "[N,F] f32", "features of real images", reference_optional}};
}

}  // namespace dagfusion
