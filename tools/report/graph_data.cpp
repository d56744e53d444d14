#include "tools/report/graph_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/report/task_times.h"
#include "tools/show/description.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

std::string in_words(const TensorSpec& spec) {
  return fmt::format("{} {}", to_string(spec.shape), name_of(spec.dtype));
}

// What a box looks like.
const char* look_of(const CheckedNode& node) {
  if (node.type->role == Role::data_set) return "source";
  if (node.type->role == Role::ordered) return node.type->rate == Rate::step ? "step" : "sink";
  return node.weights.empty() ? "map" : "layer";
}

using TaskKind = Task::Kind;

bool is_backward(const Task& task) {
  return task.kind == TaskKind::again || task.kind == TaskKind::backward ||
         task.kind == TaskKind::accumulate || task.kind == TaskKind::sum_gradients ||
         task.kind == TaskKind::exchange;
}

// What a task of the backward pass is, and how its box among several of one node is called.
struct BackwardType {
  const char *name, *leaf, *summary;
};
BackwardType type_of(const Task& task) {
  if (task.kind == TaskKind::accumulate)
    return {"weight gradient", "weights",
            "Adds what a frame says of a node's weights to their gradients, in frame order."};
  if (task.kind == TaskKind::sum_gradients)
    return {"gradient sum", "sum", "Adds up what came back to a value that several nodes read."};
  if (task.kind == TaskKind::again)
    return {"again", "again", "Runs the node once more, so that what it gave need not be kept."};
  if (task.kind == TaskKind::exchange)
    return {"exchange", "exchange", "Adds up the gradients of all processes of a run."};
  return {"backward", "gradient", "Turns the gradient of a node's output into those of its inputs."};
}

// The backward pass of a plan, as boxes below one of their own, which mirror those of the nodes.
class BackwardBoxes {
 public:
  BackwardBoxes(const Checked& checked, const Plan& plan) : checked_(checked), plan_(plan) {
    const auto taken = [&](const CheckedNode& n) {
      return n.path == above_ || n.path.starts_with(above_ + "/");
    };
    while (std::any_of(checked.nodes.begin(), checked.nodes.end(), taken)) above_ += " pass";
    for (std::size_t t = 0; t < plan.tasks.size(); ++t)
      if (is_backward(plan.tasks[t])) {
        tasks_.push_back(t);
        ++tasks_of_[node_of(plan.tasks[t])];
      }
  }

  const std::string& above() const { return above_; }
  std::size_t size() const { return tasks_.size(); }

  // The first of them will have this number among all boxes; `numbers`: those of the nodes that stand before.
  void write(std::size_t first, const std::vector<std::size_t>& numbers, Json& nodes, Json& types) {
    std::map<std::size_t, std::size_t> places;
    for (std::size_t i = 0; i < tasks_.size(); ++i) places[tasks_[i]] = first + i;
    for (const std::size_t t : tasks_) {
      const Task& task = plan_.tasks[t];
      const BackwardType type = type_of(task);
      Json inputs = Json::array();
      for (const int b : task.before)
        if (const auto place = places.find(static_cast<std::size_t>(b)); place != places.end())
          inputs.push_back({"", place->second, "", ""});
      for (const Group& group : checked_.groups)  // where the pass begins
        if (task.kind == TaskKind::backward && task.visits.front().node == group.loss.node)
          inputs.push_back({"loss", numbers[static_cast<std::size_t>(group.loss.node)], "", ""});
      if (task.kind == TaskKind::accumulate || task.kind == TaskKind::exchange) last_.push_back(places[t]);
      if (!task.visits.empty()) of_node_[task.visits.front().node].push_back(places[t]);
      named_[task.name] = places[t];
      nodes.push_back({{"path", path_of(task)},
                       {"type", type.name},
                       {"look", "backward"},
                       {"in", inputs},
                       {"out", Json::array()}});
      types[type.name] = {{"summary", type.summary}, {"parameters", Json::object()}};
    }
  }

  // After write(): what an optimiser waits for, the boxes of a node, and that of a task.
  const std::vector<std::size_t>& last() const { return last_; }
  std::vector<std::size_t> of_node(int node) const {
    const auto found = of_node_.find(node);
    return found == of_node_.end() ? std::vector<std::size_t>() : found->second;
  }
  std::optional<std::size_t> of_task(const std::string& name) const {
    const auto found = named_.find(name);
    return found == named_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::string node_of(const Task& task) const {
    if (task.visits.empty()) return node_of_task(task.name);
    return checked_.nodes[static_cast<std::size_t>(task.visits.front().node)].path;
  }

  std::string path_of(const Task& task) {
    const std::string node = above_ + "/" + node_of(task);
    if (tasks_of_[node_of(task)] == 1) return node;
    const std::string leaf = fmt::format("{}/{}", node, type_of(task).leaf);
    const int again = made_[leaf]++;  // sums of several outputs
    return again == 0 ? leaf : fmt::format("{}{}", leaf, again + 1);
  }

  const Checked& checked_;
  const Plan& plan_;
  std::string above_ = "backward";
  std::vector<std::size_t> tasks_, last_;
  std::map<std::string, int> tasks_of_, made_;
  std::map<int, std::vector<std::size_t>> of_node_;
  std::map<std::string, std::size_t> named_;
};

class GraphData {
 public:
  GraphData(const Checked& checked, const Plan* plan, std::string above)
      : checked_(checked), above_(std::move(above)) {
    for (const CheckedNode& node : checked.nodes) paths_.push_back(above_ + box_path(node));
    if (plan) backward_.emplace(checked, *plan);
  }

  // Behind the boxes that are there already: a node, then those of the pipeline that it runs. The backward pass stands
  // before the optimiser.
  void add_boxes(Json& nodes, Json& types) {
    for (std::size_t n = 0; n < checked_.nodes.size(); ++n) {
      const CheckedNode& node = checked_.nodes[n];
      if (node.group >= 0 && backward_ && backward_->size() > 0 && backward_->last().empty())
        backward_->write(nodes.size(), numbers_, nodes, types);
      numbers_.push_back(nodes.size());
      nodes.push_back(box(node, paths_[n]));
      if (!types.contains(node.type->name)) types[node.type->name] = documentation(*node.type);
      if (!node.child) continue;
      inner_.emplace_back(*node.child, nullptr, paths_[n] + "/");
      inner_.back().add_boxes(nodes, types);
    }
    if (backward_)
      for (std::size_t n = 0; n < checked_.nodes.size(); ++n)
        if (const auto boxes = backward_->of_node(static_cast<int>(n)); !boxes.empty())
          nodes[numbers_[n]]["back"] = boxes;
  }

  // Each task's time to its box, or to that of its node, or of the nearest composite around it.
  void add_times(const std::vector<TaskTime>& times, Json& nodes) const {
    std::map<std::string, std::size_t> places;
    add_places(places);
    for (const TaskTime& time : times) {
      if (time.seconds <= 0) continue;
      std::string path = node_of_task(time.name);
      while (!places.contains(path) && path.find('/') != path.npos) path.resize(path.rfind('/'));
      const auto place = places.find(path);
      const std::optional<std::size_t> own = backward_ ? backward_->of_task(time.name) : std::nullopt;
      if (!own && place == places.end()) continue;
      const char* part = time.name.starts_with("backward")          ? "backward"
                         : time.name.starts_with("weight gradient") ? "weight gradient"
                         : time.name.starts_with("sum of")          ? "gradient sums"
                                                                    : "forward";
      Json& spent = nodes[own ? *own : place->second]["seconds"][part];
      spent = (spent.is_null() ? 0 : spent.get<double>()) + time.seconds;
    }
  }

  // Paths that stand for many boxes, with their types: as the file says them, and those inside.
  void add_composites(const Tree* file, Json& found) const {
    Json own = file ? composites_of_file(*file) : Json::object();
    for (const CheckedLoop& loop : checked_.loops)
      if (!own.contains(loop.path)) own[loop.path] = "loop";
    for (const Expanded& composite : checked_.composites)
      if (!own.contains(composite.path)) own[composite.path] = composite.type->name;
    for (const auto& [path, type] : own.items()) found[above_ + path] = type;
    if (backward_ && backward_->size() > 0)
      for (const auto& [path, type] : own.items()) found[backward_->above() + "/" + path] = type;
    for (const GraphData& inner : inner_) inner.add_composites(nullptr, found);
  }

  static Json documentation(const NodeType& type) {
    Json all = description_json(type), made;
    for (const char* key : {"summary", "paper", "computes"})
      if (!all[key].get<std::string>().empty()) made[key] = all[key];
    Json parameters = Json::object();
    for (const Parameter& p : type.parameters) parameters[p.name] = p.doc;
    made["parameters"] = parameters;
    return made;
  }

 private:
  // Unlike that of the node where boxes below have it as theirs: heads and tails of loops, what a composite is itself.
  std::string box_path(const CheckedNode& node) const {
    if (node.loop >= 0 && checked_.loops[node.loop].path == node.path)
      return node.path + (node.type->name == "loop" ? "/begin" : "/end");
    const bool has_parts =
        std::any_of(checked_.nodes.begin(), checked_.nodes.end(),
                    [&](const CheckedNode& n) { return n.path.starts_with(node.path + "/"); });
    return has_parts ? node.path + "/itself" : node.path;
  }

  Json box(const CheckedNode& node, const std::string& path) const {
    Json made = {{"path", path}, {"type", node.type->name}, {"look", look_of(node)}};
    if (!node.where.file.empty()) made["where"] = fmt::format("{}:{}", node.where.file, node.where.line);
    Json inputs = Json::array(), outputs = Json::array(), orders = Json::array();
    for (const CheckedInput& i : node.inputs)
      inputs.push_back({i.port, number_of(i.from.node), port_of(i.from), in_words(i.spec)});
    for (const CheckedOutput& o : node.outputs) outputs.push_back({o.port, in_words(o.spec)});
    for (const int before : node.after) orders.push_back(number_of(before));
    if (node.when.node >= 0) orders.push_back(number_of(node.when.node));
    if (node.child_weights >= 0) orders.push_back(number_of(node.child_weights));
    if (is_first_of_group(node))
      for (const std::size_t last : backward_->last()) orders.push_back(last);
    made["in"] = inputs;
    made["out"] = outputs;
    if (!orders.empty()) made["after"] = orders;
    Json settings = Json::object();
    for (const Parameter& p : node.type->parameters)
      if (p.kind != Kind::map && node.parameters.has(p.name))
        settings[p.name] = to_string(node.parameters.setting(p.name));
    if (!settings.empty()) made["settings"] = settings;
    if (!node.weights.empty()) made["weights"] = weights_of(node);
    if (node.multiply_adds > 0) made["multiply_adds"] = node.multiply_adds;
    return made;
  }

  std::size_t number_of(int node) const { return numbers_[static_cast<std::size_t>(node)]; }

  // The first node of an optimiser, which waits for the backward pass.
  bool is_first_of_group(const CheckedNode& node) const {
    const auto of_group = [&](const CheckedNode& n) { return n.group == node.group; };
    return node.group >= 0 && backward_ &&
           &*std::find_if(checked_.nodes.begin(), checked_.nodes.end(), of_group) == &node;
  }

  void add_places(std::map<std::string, std::size_t>& places) const {
    for (std::size_t n = checked_.nodes.size(); n-- > 0;)
      places[above_ + checked_.nodes[n].path] = numbers_[n];
    for (const GraphData& inner : inner_) inner.add_places(places);
  }

  std::string port_of(const Wire& wire) const {
    const auto& outputs = checked_.nodes[static_cast<std::size_t>(wire.node)].outputs;
    const auto port = static_cast<std::size_t>(wire.output);
    return port < outputs.size() ? outputs[port].port : "";
  }

  Json weights_of(const CheckedNode& node) const {
    Json list = Json::array();
    for (const int w : node.weights) {
      const auto& weight = checked_.weights->weights()[static_cast<std::size_t>(w)];
      list.push_back({weight.path, to_string(weight.shape)});
    }
    return list;
  }

  // Those in the bodies of loops too.
  static Json composites_of_file(const Tree& file) {
    Json found = Json::object();
    if (const Tree* nodes = file.find("nodes")) add_named(file, *nodes, "", found);
    return found;
  }

  static void add_named(const Tree& file, const Tree& nodes, const std::string& above, Json& found) {
    const Tree* model = file.find("model");
    if (!nodes.is_map()) return;
    for (const Entry& e : nodes.entries) {
      if (!e.value.is_map()) continue;
      const Tree *type = e.value.find("type"), *loop = e.value.find("loop");
      if (loop) found[above + e.key] = "loop";
      if (const Tree* body = loop && loop->is_map() ? loop->find("nodes") : nullptr)
        add_named(file, *body, above + e.key + "/", found);
      if (!type || !type->is_scalar()) continue;
      const Tree* of = type->text == "model" && model && model->is_map() ? model->find("type") : nullptr;
      found[above + e.key] = of ? of->text : type->text;
    }
  }

  const Checked& checked_;
  std::string above_;  // "": the pipeline itself; "preview/": one that a node runs
  std::vector<std::string> paths_;
  std::vector<std::size_t> numbers_;  // of the nodes' boxes among all
  std::optional<BackwardBoxes> backward_;
  std::vector<GraphData> inner_;
};

}  // namespace

Json graph_data(const Planned& planned, const Tree& file, const std::vector<TaskTime>& times) {
  Json nodes = Json::array(), types = Json::object(), composites = Json::object();
  GraphData data(planned.checked, &planned.plan, "");
  data.add_boxes(nodes, types);
  data.add_times(times, nodes);
  data.add_composites(&file, composites);
  for (const Json& type : composites)
    if (const NodeType* known = planned.checked.types->find(type.get<std::string>()))
      types[known->name] = GraphData::documentation(*known);
  return {{"nodes", nodes}, {"types", types}, {"composites", composites}};
}

}  // namespace dagfusion
