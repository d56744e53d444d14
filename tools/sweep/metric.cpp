// Whether the metric of a sweep is there in every cell, and measures the same in all of them.
#include <fmt/format.h>

#include <algorithm>

#include "tools/sweep/plan.h"

namespace dagfusion {

namespace {

void add_csv_files(const Checked& checked, std::vector<CsvFile>& files) {
  for (const CheckedNode& n : checked.nodes) {
    if (const auto* ordered = dynamic_cast<const Ordered*>(n.node.get()))
      if (auto csv = ordered->csv()) files.push_back(std::move(*csv));
    if (n.child) add_csv_files(*n.child, files);
  }
}

}  // namespace

void refuse_missing_metric(const SweepMetric& metric, const Checked& cell) {
  std::vector<CsvFile> files;
  add_csv_files(cell, files);
  std::vector<std::string> names;
  for (const CsvFile& f : files) names.push_back(f.name);
  const auto found = std::find(names.begin(), names.end(), metric.file);
  if (found == names.end())
    throw UserError(
        metric.file_where,
        fmt::format("'metric': no node writes the file '{}'{}", metric.file,
                    names.empty() ? "; metrics_log writes one of the training, sliced_wasserstein one of "
                                    "a preview"
                                  : suggestion(metric.file, names)));
  const std::vector<std::string>& columns = files[static_cast<std::size_t>(found - names.begin())].columns;
  if (std::find(columns.begin(), columns.end(), metric.column) == columns.end())
    throw UserError(metric.column_where, fmt::format("'metric': '{}' has no column '{}'{}", metric.file,
                                                     metric.column, suggestion(metric.column, columns)));
}

namespace {

// The node whose number a log writes into the column; null when no log of the training does.
const Tree* logged(const Tree& file, const SweepMetric& metric, std::string& name) {
  const Tree* nodes = file.find("nodes");
  if (!nodes) return nullptr;
  for (const Entry& e : nodes->entries) {
    const Tree *type = e.value.find("type"), *in = e.value.find("in"), *log = e.value.find("name");
    if (!type || type->text != "metrics_log" || !in || !in->is_map()) continue;
    if ((log ? log->text : "metrics") + ".csv" != metric.file) continue;
    const Tree* from = in->find(metric.column);
    if (!from) continue;
    name = from->text.substr(0, from->text.find('.'));
    return nodes->find(name);
  }
  return nullptr;
}

}  // namespace

void refuse_other_scales(const SweepPlan& plan, const std::vector<Tree>& files, const Catalog& types) {
  std::string name, first_text, first_name;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Tree* node = logged(files[i], plan.metric, name);
    if (!node) continue;
    std::string text = write_document(*node);
    for (const SectionType& section : types.sections)
      if (const Tree* there = files[i].find(section.name)) text += write_document(*there);
    if (first_name.empty()) {
      first_text = text;
      first_name = plan.cells[i].name;
    } else if (text != first_text) {
      throw UserError(
          plan.metric.where,
          fmt::format(
              "the metric '{}' is what node '{}' gives in training, and that is another measure in {} "
              "than in {}: such numbers cannot be compared; measure the images instead, as "
              "pipelines/judge.yaml does",
              plan.metric.column, name, plan.cells[i].name, first_name));
    }
  }
}

}  // namespace dagfusion
