// What a run's tasks took, as times.csv has it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/run/run.h"

namespace dagfusion {

std::string times_csv(const std::vector<TaskTime>&);

// Name, type, calls, seconds and waited of each; empty where there is no such file.
std::vector<TaskTime> read_task_times(const std::filesystem::path& run);

// The path of the node that a task of this name belongs to: "backward of out/conv_in" -> "out/conv_in".
std::string node_of_task(const std::string& name);

// What all nodes of one type took, longest first.
struct TypeTime {
  std::string type;
  std::int64_t calls = 0;
  double seconds = 0, waited = 0;
};
std::vector<TypeTime> times_by_type(const std::vector<TaskTime>&);

}  // namespace dagfusion
