#include "graph/check/node_setup.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>

#include "graph/document/near_path.h"
#include "graph/document/pattern.h"

namespace dagfusion {

namespace {

// As it stands in the source, without its namespace.
std::string class_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> whole(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  const std::string name = whole ? whole.get() : type.name();
  const std::size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

}  // namespace

DType dtype_of(const std::string& name) {
  for (DType d : {DType::u8, DType::u16, DType::i32, DType::f32, DType::bf16, DType::images})
    if (name_of(d) == name) return d;
  throw std::logic_error("no dtype " + name);
}

Input NodeSetup::input(std::string_view port) {
  if (std::none_of(type_.inputs.begin(), type_.inputs.end(), [&](const Port& p) { return p.name == port; }))
    throw std::logic_error(
        fmt::format("{} asks for input '{}', which it does not declare", type_.name, port));
  for (std::size_t i = 0; i < node_.inputs.size(); ++i)
    if (node_.inputs[i].port == port) return {static_cast<int>(i), node_.inputs[i].spec};
  return {};
}

std::vector<std::pair<std::string, Input>> NodeSetup::any_inputs() {
  std::vector<std::pair<std::string, Input>> found;
  for (std::size_t i = 0; i < node_.inputs.size(); ++i)
    if (std::find(any_.begin(), any_.end(), node_.inputs[i].port) != any_.end())
      found.emplace_back(node_.inputs[i].port, Input{static_cast<int>(i), node_.inputs[i].spec});
  return found;
}

const DataSet* NodeSetup::data_set_behind(const Input& input) const {
  if (!input.connected()) return nullptr;
  const std::vector<CheckedNode>& nodes = checking_.checked.nodes;
  std::vector<bool> upstream(nodes.size());
  upstream[node_.inputs[input.index].from.node] = true;
  const DataSet* found = nullptr;
  for (std::size_t n = nodes.size(); n-- > 0;) {
    if (!upstream[n]) continue;
    for (const CheckedInput& i : nodes[n].inputs) upstream[i.from.node] = true;
    if (nodes[n].type->role != Role::data_set) continue;
    if (found) return nullptr;
    found = dynamic_cast<const DataSet*>(nodes[n].node.get());
  }
  return found;
}

Output NodeSetup::output(std::string_view port) {
  const std::optional<Shape> shape = sides_.shape(port_spec(port));
  if (!shape)
    throw std::logic_error(
        fmt::format("{}: the shape of output '{}' does not follow from its inputs", type_.name, port));
  return output(port, *shape);
}

Output NodeSetup::output(std::string_view port, Shape shape) {
  const std::string dtype = port_spec(port).dtype;
  return output(port, std::move(shape),
                dtype == "act"     ? run().activation
                : dtype == "float" ? float_.value_or(DType::f32)
                                   : dtype_of(dtype));
}

Output NodeSetup::output(std::string_view port, Shape shape, DType dtype) {
  const PortSpec spec = port_spec(port);
  TensorSpec made{.dtype = dtype, .shape = std::move(shape)};
  if (made.shape.size() == 4) {
    if (spec.layout == "blocked") made.block = run().channel_block;
    if (spec.layout == "free") made.block = std::max(free_block_, 1);
  }
  return output_as(port, std::move(made));
}

Output NodeSetup::output_as(std::string_view port, TensorSpec form) {
  for (std::size_t i = 0; i < type_.outputs.size(); ++i) {
    if (type_.outputs[i].name != port) continue;
    node_.outputs[i] = {.port = std::string(port), .spec = form};
    return {static_cast<int>(i), std::move(form)};
  }
  throw std::logic_error(fmt::format("{} has no output '{}'", type_.name, port));
}

Weight NodeSetup::weight(std::string_view name, Shape shape, Init init, StoredLayout layout) {
  WeightSpec spec{.path = fmt::format("{}.{}", request_.weight_path, name),
                  .shape = std::move(shape),
                  .init = init,
                  .layout = std::move(layout)};
  try {
    node_.weights.push_back(checking_.checked.weights->add(std::move(spec)));
  } catch (const std::logic_error& e) {
    fail(fmt::format("shares a weight with an earlier call, but not its shape: {}", e.what()));
  }
  return {static_cast<int>(node_.weights.size()) - 1};
}

Packed NodeSetup::packed(const Weight& weight, std::string key, std::size_t bytes,
                         std::function<void(const float*, std::byte*)> pack) {
  node_.packed.push_back(checking_.checked.weights->add(PackedSpec{.weight = node_.weights[weight.index],
                                                                   .key = std::move(key),
                                                                   .bytes = bytes,
                                                                   .pack = std::move(pack)}));
  return {static_cast<int>(node_.packed.size()) - 1};
}

Shape NodeSetup::model_input() {
  // Without a model because of another fault: that one is enough.
  if (checking_.checked.model_input.empty() && !checking_.faults.empty()) throw AlreadyReported();
  if (checking_.checked.model_input.empty())
    fail(
        "asks for the shape of the model's input, which is not known here; a model from a checkpoint knows "
        "it");
  return checking_.checked.model_input;
}

std::vector<std::string> NodeSetup::classes() {
  const std::vector<std::string>& of_model = checking_.checked.classes;
  return of_model.empty() ? checking_.classes_of_data(owner(), request_.where) : of_model;
}

std::filesystem::path NodeSetup::readable(std::string_view parameter) {
  const std::filesystem::path path = text(parameter);
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  Fault missing = parameters().fault(parameter, fmt::format("'{}' is {}, which does not exist{}", parameter,
                                                            path.string(), path_suggestion(path.string())));
  missing.kind = FaultKind::missing_file;
  throw UserError({std::move(missing)});
}

void NodeSetup::refuse_resource(const std::string& section, const std::type_info& made,
                                const std::type_info& wanted) const {
  throw UserError(
      checking_.sections.at(section).where,
      fmt::format("{}: reads the section '{}' as {}, but that is made into {}; a node type and the "
                  "section it reads must belong together",
                  owner(), section, class_name(wanted), class_name(made)));
}

void NodeSetup::note_at(std::string_view parameter, const std::string& message) {
  const Fault note = parameters().fault(parameter, message);
  checking_.checked.notes.push_back(fmt::format("{}: {}", to_string(note.where), note.message));
}

void NodeSetup::fail_at_input(std::string_view port, const std::string& message) const {
  throw UserError(where_wired(std::string(port)), fmt::format("{}: {}", owner(), message));
}

PortSpec NodeSetup::port_spec(std::string_view output) const {
  for (const Port& p : type_.outputs)
    if (p.name == output) return parse_port(p.spec);
  throw std::logic_error(fmt::format("{} has no output '{}'", type_.name, output));
}

std::vector<int> NodeSetup::trained_weights(const std::string& pattern) {
  Checked& checked = checking_.checked;
  if (checking_.current_group < 0)
    fail(fmt::format(
        "stands outside an optimiser, which says what to minimize; write one whole, such as {}",
        fmt::join(checking_.catalog.names([](const NodeType& t) { return t.minimizes; }), " or ")));
  Group& group = checked.groups[checking_.current_group];
  std::vector<bool> upstream(checked.nodes.size());
  upstream[group.loss.node] = true;
  std::set<int> found;
  std::vector<std::string> paths;
  for (int n = static_cast<int>(checked.nodes.size()) - 1; n >= 0; --n) {
    const CheckedNode& node = checked.nodes[n];
    if (!upstream[n] || node.type->stops_gradient || !node.averaged_by.empty()) continue;
    for (const CheckedInput& i : node.inputs) upstream[i.from.node] = true;
    for (const int w : node.weights) {
      const std::string& path = checked.weights->weights()[w].path;
      paths.push_back(path);
      if (matches(pattern, path)) found.insert(w);
    }
  }
  if (paths.empty()) fail("nothing to train: no weights lie upstream of the loss");
  if (found.empty())
    fail_at("weights",
            fmt::format(
                "'weights' is '{}', which matches none of the {} weights upstream of the loss, such as {}",
                pattern, paths.size(), paths.back()));
  for (const Group& other : checked.groups)
    for (const int w : other.weights)
      if (&other != &group && found.count(w))
        fail(fmt::format("trains {}, which '{}' trains already", checked.weights->weights()[w].path,
                         other.path));
  group.weights.assign(found.begin(), found.end());
  return group.weights;
}

}  // namespace dagfusion
