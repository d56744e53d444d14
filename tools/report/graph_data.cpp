#include "tools/report/graph_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

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

class GraphData {
 public:
  GraphData(const Checked& checked, const Tree& file) : checked_(checked), file_(file) {
    for (const CheckedNode& node : checked.nodes) paths_.push_back(box_path(node));
  }

  Json write(const std::vector<TaskTime>& times) {
    Json nodes = Json::array(), types = Json::object();
    for (std::size_t n = 0; n < checked_.nodes.size(); ++n) {
      const CheckedNode& node = checked_.nodes[n];
      nodes.push_back(box(node, paths_[n]));
      if (!types.contains(node.type->name)) types[node.type->name] = documentation(*node.type);
    }
    add_times(times, nodes);
    const Json composites = composites_of_file();
    for (const Json& type : composites)
      if (const NodeType* known = checked_.types->find(type.get<std::string>()))
        types[known->name] = documentation(*known);
    return {{"nodes", nodes}, {"types", types}, {"composites", composites}};
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
      inputs.push_back({i.port, i.from.node, port_of(i.from), in_words(i.spec)});
    for (const CheckedOutput& o : node.outputs) outputs.push_back({o.port, in_words(o.spec)});
    for (const int before : node.after) orders.push_back(before);
    if (node.when.node >= 0) orders.push_back(node.when.node);
    if (node.group >= 0) orders.push_back(checked_.groups[static_cast<std::size_t>(node.group)].loss.node);
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

  static Json documentation(const NodeType& type) {
    Json all = description_json(type), made;
    for (const char* key : {"summary", "paper", "computes"})
      if (!all[key].get<std::string>().empty()) made[key] = all[key];
    Json parameters = Json::object();
    for (const Parameter& p : type.parameters) parameters[p.name] = p.doc;
    made["parameters"] = parameters;
    return made;
  }

  // Each task's time to the box of its node, or to the nearest composite around it.
  void add_times(const std::vector<TaskTime>& times, Json& nodes) const {
    std::map<std::string, std::size_t> places;
    for (std::size_t n = checked_.nodes.size(); n-- > 0;) places[checked_.nodes[n].path] = n;
    for (const TaskTime& time : times) {
      std::string path = node_of_task(time.name);
      while (!places.contains(path) && path.find('/') != path.npos) path.resize(path.rfind('/'));
      const auto place = places.find(path);
      if (place == places.end() || time.seconds <= 0) continue;
      const char* part = time.name.starts_with("backward")          ? "backward"
                         : time.name.starts_with("weight gradient") ? "weight gradient"
                         : time.name.starts_with("sum of")          ? "gradient sums"
                                                                    : "forward";
      Json& spent = nodes[place->second]["seconds"][part];
      spent = (spent.is_null() ? 0 : spent.get<double>()) + time.seconds;
    }
  }

  // Paths in the file that may stand for many boxes, with their types there; those in the bodies of loops too.
  Json composites_of_file() const {
    Json found = Json::object();
    if (const Tree* nodes = file_.find("nodes")) add_composites(*nodes, "", found);
    return found;
  }

  void add_composites(const Tree& nodes, const std::string& above, Json& found) const {
    const Tree* model = file_.find("model");
    if (!nodes.is_map()) return;
    for (const Entry& e : nodes.entries) {
      if (!e.value.is_map()) continue;
      const Tree *type = e.value.find("type"), *loop = e.value.find("loop");
      if (loop) found[above + e.key] = "loop";
      if (const Tree* body = loop && loop->is_map() ? loop->find("nodes") : nullptr)
        add_composites(*body, above + e.key + "/", found);
      if (!type || !type->is_scalar()) continue;
      const Tree* of = type->text == "model" && model && model->is_map() ? model->find("type") : nullptr;
      found[above + e.key] = of ? of->text : type->text;
    }
  }

  const Checked& checked_;
  const Tree& file_;
  std::vector<std::string> paths_;
};

}  // namespace

Json graph_data(const Checked& checked, const Tree& file, const std::vector<TaskTime>& times) {
  return GraphData(checked, file).write(times);
}

}  // namespace dagfusion
