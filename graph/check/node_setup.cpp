#include "graph/check/node_setup.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>

#include "graph/document/near_path.h"
#include "graph/document/pattern.h"

namespace dagfusion {

namespace {

DType dtype_of(const std::string& name) {
  for (DType d : {DType::u8, DType::u16, DType::i32, DType::f32, DType::bf16, DType::images})
    if (name_of(d) == name) return d;
  throw std::logic_error("no dtype " + name);
}

std::string in_words(DType dtype) {
  return dtype == DType::u8       ? "bytes"
         : dtype == DType::f32    ? "numbers"
         : dtype == DType::images ? "pictures"
                                  : std::string(name_of(dtype));
}

// Whether a node of this type takes what is given and puts out the wanted dtype.
bool turns(const NodeType& type, const TensorSpec& given, DType wanted) {
  if (type.role != Role::map || type.inputs.size() != 1 || type.outputs.empty()) return false;
  const PortSpec in = parse_port(type.inputs.front().spec), out = parse_port(type.outputs.front().spec);
  return in.dtype == name_of(given.dtype) && out.dtype == name_of(wanted) &&
         !Sides().bind(type.inputs.front(), in, given.shape);
}

// "; to_signed turns bytes into numbers", when the catalog has a type that does so.
std::string dtype_hint(const Catalog& catalog, const TensorSpec& given, DType wanted) {
  const std::vector<std::string> types =
      catalog.names([&](const NodeType& type) { return turns(type, given, wanted); });
  if (types.empty()) return "";
  return fmt::format("; {} {} {} into {}", fmt::join(types, " or "), types.size() == 1 ? "turns" : "turn",
                     in_words(given.dtype), in_words(wanted));
}

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

bool NodeSetup::bind_inputs() {
  bool good = true;
  const bool any_name = !type_.inputs.empty() && type_.inputs.back().name == kAnyName;
  std::vector<std::string> names;
  for (const Port& p : type_.inputs)
    if (p.name != kAnyName) names.push_back(p.name);
  for (const auto& [name, wire] : request_.in) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && !any_name) {
      good = false;
      checking_.fault(request_.where_named(name),
                      fmt::format("{}: no input '{}'{}", owner(), name, suggestion(name, names)));
    }
    if (checking_.broken(wire)) good = false;
  }
  if (!good) return false;
  for (const Port& port : type_.inputs) {
    if (port.name == kAnyName) {
      for (const auto& [name, wire] : request_.in)
        if (std::find(names.begin(), names.end(), name) == names.end()) {
          const Port own{.name = name, .spec = port.spec};
          good = bind(own, wire) && good;
          any_.push_back(name);
        }
      continue;
    }
    const auto wired = request_.in.find(port.name);
    if (wired != request_.in.end()) {
      good = bind(port, wired->second) && good;
    } else if (!port.optional) {
      good = false;
      checking_.fault(request_.where, fmt::format("{}: input '{}' is not wired; it takes {} ({})", owner(),
                                                  port.name, port.spec, port.doc));
    }
  }
  return good;
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

std::filesystem::path NodeSetup::readable(std::string_view parameter) {
  const std::filesystem::path path = text(parameter);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail_at(parameter, fmt::format("'{}' is {}, which does not exist{}", parameter, path.string(),
                                   path_suggestion(path.string())));
  return path;
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

// A wire of one file can be wrong because of another, which put in the node or what it reads.
Position NodeSetup::where_wired(const std::string& port) const {
  Position where = request_.where_wired(port);
  const auto say = [&](const std::string& path, const Position& node) {
    if (where.origin.empty() && node.file != where.file && !node.file.empty())
      where.origin = fmt::format("node '{}' is that of {}", path, with_text(node));
  };
  say(request_.path, request_.where);
  if (const auto wired = request_.in.find(port);
      wired != request_.in.end() && !checking_.broken(wired->second)) {
    const CheckedNode& producer = checking_.checked.nodes[wired->second.node];
    say(producer.path, producer.where);
  }
  return where;
}

PortSpec NodeSetup::port_spec(std::string_view output) const {
  for (const Port& p : type_.outputs)
    if (p.name == output) return parse_port(p.spec);
  throw std::logic_error(fmt::format("{} has no output '{}'", type_.name, output));
}

DType NodeSetup::wanted_dtype(const PortSpec& port, const TensorSpec& given) {
  if (port.dtype == "any") return given.dtype;
  if (port.dtype == "act") return stays_plain(port, given.shape) ? DType::f32 : run().activation;
  if (port.dtype != "float") return dtype_of(port.dtype);
  if (!float_ && convertible(given.dtype, DType::f32)) float_ = given.dtype;
  return float_.value_or(DType::f32);
}

bool NodeSetup::bind(const Port& port, Wire wire) {
  const PortSpec wanted = parse_port(port.spec);
  const CheckedNode& producer = checking_.checked.nodes[wire.node];
  const TensorSpec& given = producer.outputs[wire.output].spec;
  const std::string from = source(port.name, producer);
  if (producer.type->rate == Rate::step && type_.rate != Rate::step) {
    fault(
        port.name,
        fmt::format("input '{}': '{}' runs once per step, this node once per frame; a value of a step cannot "
                    "go back to its frames",
                    port.name, from));
    return false;
  }
  const DType dtype = wanted_dtype(wanted, given);
  if (!convertible(given.dtype, dtype) || (given.dtype != dtype && given.shape.size() != 4)) {
    fault(port.name, fmt::format("input '{}' takes {}, but '{}' gives {}{}", port.name, port.spec, from,
                                 to_string(given), dtype_hint(checking_.catalog, given, dtype)));
    return false;
  }
  if (const auto wrong = sides_.bind(port, wanted, given.shape)) {
    fault(port.name, fmt::format("input '{}' {}", port.name, *wrong));
    return false;
  }
  if (producer.type->rate == Rate::step && producer.type->phase > type_.phase) {
    fault(
        port.name,
        fmt::format(
            "input '{}': '{}' comes later in a step: first what writes resources, then what reads them, then "
            "what saves them",
            port.name, from));
    return false;
  }
  if (type_.rate == Rate::step && producer.type->rate == Rate::frame && dtype != DType::f32) {
    fault(port.name,
          fmt::format("input '{}': '{}' gives {} for every frame; only f32 can be averaged over a step",
                      port.name, from, to_string(given)));
    return false;
  }
  int block = 1;
  if (given.shape.size() == 4) {
    if (wanted.layout == "blocked" || (wanted.layout == "first" && !stays_plain(wanted, given.shape)))
      block = run().channel_block;
    if (wanted.layout == "free") block = free_block_ = free_block_ ? free_block_ : given.block;
    wire = checking_.in_form(wire, dtype, block);
  }
  node_.inputs.push_back({.port = port.name, .from = wire, .spec = checking_.spec(wire)});
  return true;
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
    if (!upstream[n] || checked.nodes[n].type->stops_gradient) continue;
    for (const CheckedInput& i : checked.nodes[n].inputs) upstream[i.from.node] = true;
    for (const int w : checked.nodes[n].weights) {
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
