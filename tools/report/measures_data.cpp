#include "tools/report/measures_data.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "nodes/files/checkpoint_names.h"
#include "nodes/files/previews.h"
#include "tools/report/csv_table.h"
#include "tools/report/json_numbers.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

using FilesByStep = std::vector<std::pair<std::int64_t, CsvTable>>;

std::map<std::string, FilesByStep> files_of_numbers(const fs::path& run, const std::string& log,
                                                    std::int64_t steps) {
  std::map<std::string, FilesByStep> by_name;
  const auto take = [&](const fs::path& directory, std::int64_t step) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(directory, none)) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".csv" || name == "times.csv" || name == log) continue;
      CsvTable table = read_csv(entry.path());
      if (table.rows() > 0 && !table.find("seconds")) by_name[name].emplace_back(step, std::move(table));
    }
  };
  auto previews = steps_below(run / kPreviews);
  std::reverse(previews.begin(), previews.end());
  for (const auto& [step, directory] : previews) take(directory, step);
  take(run, steps);
  return by_name;
}

Json measure_of(const std::string& name, const FilesByStep& files) {
  Json made = {{"name", name}, {"step", Json::array()}, {"columns", Json::object()}};
  for (const auto& [step, table] : files) made["step"].push_back(step);
  for (const std::string& column : files.back().second.columns) {
    if (column == "step") continue;  // which is that of the preview
    Json values = Json::array();
    bool any = false;
    for (const auto& [step, table] : files) {
      const auto found = table.find(column);
      values.push_back(found ? json_number(table.values[*found].back()) : Json());
      any = any || !values.back().is_null();
    }
    if (any) made["columns"][column] = values;
  }
  return made;
}

}  // namespace

Json measures_of(const fs::path& run, const std::string& log, std::int64_t steps) {
  Json measures = Json::array();
  for (const auto& [name, files] : files_of_numbers(run, log, steps))
    if (Json made = measure_of(name, files); !made["columns"].empty()) measures.push_back(made);
  return measures;
}

}  // namespace dagfusion
