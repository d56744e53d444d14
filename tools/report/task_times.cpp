#include "tools/report/task_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace dagfusion {

std::string times_csv(const std::vector<TaskTime>& tasks) {
  std::string csv = "node,type,calls,seconds,waited\n";
  for (const TaskTime& t : tasks)
    csv += fmt::format("{},{},{},{:.6f},{:.6f}\n", t.name, t.type, t.calls, t.seconds, t.waited);
  return csv;
}

std::vector<TaskTime> read_task_times(const std::filesystem::path& run) {
  std::vector<TaskTime> tasks;
  std::ifstream csv(run / "times.csv");
  std::string line;
  std::getline(csv, line);
  while (std::getline(csv, line)) {
    std::istringstream cells(line);
    TaskTime task;
    std::string calls, seconds, waited;
    for (std::string* cell : {&task.name, &task.type, &calls, &seconds, &waited})
      std::getline(cells, *cell, ',');
    task.calls = std::atoll(calls.c_str());
    task.seconds = std::strtod(seconds.c_str(), nullptr);
    task.waited = std::strtod(waited.c_str(), nullptr);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::string node_of_task(const std::string& name) {
  for (const std::string prefix : {"backward of ", "weight gradient of ", "sum of d ", "sum of "})
    if (name.starts_with(prefix))
      return name.substr(prefix.size(), name.find('.', prefix.size()) - prefix.size());
  return name;
}

std::vector<TypeTime> times_by_type(const std::vector<TaskTime>& tasks) {
  std::map<std::string, TypeTime> by_type;
  for (const TaskTime& t : tasks) {
    TypeTime& row = by_type[t.type];
    row.type = t.type;
    row.calls += t.calls;
    row.seconds += t.seconds;
    row.waited += t.waited;
  }
  std::vector<TypeTime> rows;
  for (const auto& [type, row] : by_type) rows.push_back(row);
  std::sort(rows.begin(), rows.end(),
            [](const TypeTime& a, const TypeTime& b) { return a.seconds > b.seconds; });
  return rows;
}

}  // namespace dagfusion
