#include "tools/plan/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/cluster/groups.h"
#include "graph/plan/planned_memory.h"
#include "graph/plan/work.h"
#include "graph/run/run.h"
#include "tools/plan/task_kinds.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

const char* place_of(const Slot& slot) {
  return slot.place == Place::frame ? "frame" : slot.place == Place::lane ? "lane" : "step";
}

const char* layout_of(const TensorSpec& spec) { return spec.block > 1 ? "blocked" : "plain"; }

Json json_of(const Slot& slot) {
  return {{"name", slot.name},
          {"place", place_of(slot)},
          {"shape", slot.spec.shape},
          {"dtype", name_of(slot.spec.dtype)},
          {"layout", layout_of(slot.spec)},
          {"bytes", slot.spec.bytes()},
          {"offset", slot.offset}};
}

bool is_backward(const std::string& kind) {
  return kind == "backward" || kind == "weight gradient" || kind == "gradient sum";
}

// The node of the file that a task without a node of its own works for.
std::string node_behind(const Task& task) {
  const std::string sum = "sum of d ";
  const std::string path = task.name.starts_with(sum) ? task.name.substr(sum.size()) : task.name;
  return path.substr(0, path.find_first_of("/."));
}

void say_bytes(const char* what, std::size_t bytes, int times, const std::string& why) {
  const double one = static_cast<double>(bytes);
  const std::string product = times > 1 ? fmt::format(" = {} x {}", times, bytes_in_words(one)) : "";
  fmt::print("{:<10} {:>10}{}{}{}\n", what, bytes_in_words(one * times), product, why.empty() ? "" : "  ",
             why);
}

}  // namespace

PlannedTasks::PlannedTasks(const Planned& planned)
    : checked_(planned.checked),
      plan_(planned.plan),
      threads_(threads_of(checked_.run, 0)),
      lanes_(lanes_of(checked_.run, threads_)),
      frames_(frames_in_flight_of(checked_.run, lanes_)) {}

void PlannedTasks::say(bool every_task, bool slots) const {
  const std::vector<Line> all = lines(every_task);
  std::size_t width = 4;
  for (const Line& l : all) width = std::max(width, l.what.size());
  fmt::print("{:>9}  {:<{}}  {:<15}  {:>9}  {:>8}  {}\n", "task", "node", width, "kind", "M mul-add",
             "KiB out", "why in order");
  for (const Line& l : all) {
    std::string text = fmt::format(
        "{:>9}  {:<{}}  {:<15}  {:>9}  {:>8}  {}",
        l.count > 1 ? fmt::format("{}–{}", l.first + 1, l.first + l.count) : std::to_string(l.first + 1),
        l.what, width, l.kind,
        l.multiply_adds > 0 ? fmt::format("{:.3f}", static_cast<double>(l.multiply_adds) * 1e-6) : "",
        l.bytes > 0 ? fmt::format("{:.1f}", static_cast<double>(l.bytes) / 1024) : "", l.why);
    text.erase(text.find_last_not_of(' ') + 1);
    fmt::print("{}\n", text);
  }
  if (slots) say_slots();
  say_memory();
  say_loops();
}

PlannedTasks::Line PlannedTasks::line_of(int t, bool every_task) const {
  const Task& task = plan_.tasks[t];
  Line line{.first = t, .what = task.name, .kind = kind_of(task), .why = why_ordered(task)};
  if (!task.visits.empty()) {
    const CheckedNode& node = checked_.nodes[task.visits.front().node];
    line.what = every_task ? fmt::format("{} ({})", node.path, node.type->name)
                           : node.path.substr(0, node.path.find('/'));
  } else if (!every_task) {
    line.what = node_behind(task);
  }
  line.multiply_adds = multiply_adds(checked_, task);
  for (const int s : written(task)) line.bytes += plan_.slots[s].spec.bytes();
  return line;
}

std::vector<PlannedTasks::Line> PlannedTasks::lines(bool every_task) const {
  std::vector<Line> all;
  for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
    Line line = line_of(t, every_task);
    Line* last = every_task || all.empty() ? nullptr : &all.back();
    if (last && last->what == line.what &&
        (last->kind == line.kind || (is_backward(last->kind) && is_backward(line.kind)))) {
      ++last->count;
      last->multiply_adds += line.multiply_adds;
      last->bytes += line.bytes;
      if (last->kind != line.kind) last->kind = "backward";
      if (last->why.empty()) last->why = line.why;
    } else {
      all.push_back(std::move(line));
    }
  }
  return all;
}

std::vector<int> PlannedTasks::written(const Task& task) const {
  std::vector<int> slots;
  for (const Visit& v : task.visits)
    for (const std::vector<int>* some : {task.kind == Task::Kind::backward ? &v.d_in : &v.out})
      for (const int s : *some)
        if (s >= 0 && task.kind != Task::Kind::accumulate) slots.push_back(s);
  if (task.sum >= 0) slots.push_back(task.sum);
  return slots;
}

std::size_t PlannedTasks::weight_bytes() const { return checked_.weights->floats() * sizeof(float); }

void PlannedTasks::say_slots() const {
  std::size_t width = 4, shape = 5;
  for (const Slot& s : plan_.slots) {
    width = std::max(width, s.name.size());
    shape = std::max(shape, to_string(s.spec.shape).size());
  }
  fmt::print("\n{:<{}}  {:<5}  {:<{}}  {:<6}  {:<7}  {:>10}  {:>10}\n", "slot", width, "place", "shape",
             shape, "dtype", "layout", "bytes", "offset");
  for (const Slot& s : plan_.slots)
    fmt::print("{:<{}}  {:<5}  {:<{}}  {:<6}  {:<7}  {:>10}  {:>10}\n", s.name, width, place_of(s),
               to_string(s.spec.shape), shape, name_of(s.spec.dtype), layout_of(s.spec), s.spec.bytes(),
               s.offset);
}

void PlannedTasks::say_memory() const {
  fmt::print("\n{} tasks, {} slots, {}; {} a frame, {} a step\n", plan_.tasks.size(), plan_.slots.size(),
             counted(threads_, "thread"), counted(checked_.run.micro_batch, "image"),
             counted(plan_.frames_per_step, "frame"));
  say_bytes("lanes", plan_.lane_bytes, plan_.admission >= 0 ? lanes_ : 1,
            "values inside the model, and their gradients");
  say_bytes("frames", plan_.frame_bytes, frames_, "values in front of the model, and what steps read");
  say_bytes("steps", plan_.step_bytes, 1, "values of a step");
  if (const std::uint64_t kept = kept_memory(checked_); kept > 0)
    say_bytes("kept", kept, 1, "decoded chunks that data sets keep, at the most");
  say_bytes("weights", weight_bytes(), 1, "");
  say_bytes("packed", checked_.weights->packed_bytes(), 1,
            "copies of the weights as the primitives want them");
  if (checked_.run.training)
    say_bytes("gradients", weight_bytes(), buffers_of({0, checked_.run.gradient_groups}), "");
}

void PlannedTasks::say_loops() const {
  for (const CheckedLoop& loop : checked_.loops)
    if (const auto* times = dynamic_cast<const Times*>(checked_.nodes[loop.each].node.get());
        times && !times->listing().empty())
      fmt::print("{:<10} {:>10}  t = {}\n", loop.path, counted(loop.count, "iteration"), times->listing());
  for (const CheckedNode& node : checked_.nodes)
    if (node.child) fmt::print("{} runs another pipeline, which is not shown here\n", node.path);
}

Json PlannedTasks::json_of(const Task& task) const {
  Json one = {{"name", task.name}, {"kind", kind_of(task)}, {"before", task.before}};
  if (task.serial) one["in_order"] = why_ordered(task);
  if (task.loop >= 0) one["loop"] = checked_.loops[task.loop].path;
  if (task.visits.empty()) return one;
  const CheckedNode& node = checked_.nodes[task.visits.front().node];
  one["node"] = node.path;
  one["type"] = node.type->name;
  one["multiply_adds"] = multiply_adds(checked_, task);
  one["writes"] = written(task);
  return one;
}

Json PlannedTasks::json() const {
  Json tasks = Json::array(), slots = Json::array();
  for (const Task& task : plan_.tasks) tasks.push_back(json_of(task));
  for (const Slot& slot : plan_.slots) slots.push_back(dagfusion::json_of(slot));
  return {{"tasks", tasks},
          {"slots", slots},
          {"threads", threads_},
          {"lanes", lanes_},
          {"frames_in_flight", frames_},
          {"frames_per_step", plan_.frames_per_step},
          {"bytes",
           {{"lane", plan_.lane_bytes},
            {"frame", plan_.frame_bytes},
            {"step", plan_.step_bytes},
            {"weights", weight_bytes()},
            {"packed", checked_.weights->packed_bytes()},
            {"gradients", checked_.run.training ? weight_bytes() : 0}}}};
}

}  // namespace dagfusion
