// Every wired input of a node fitted to its port: rate, dtype, shape and memory layout.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/check/node_setup.h"

namespace dagfusion {

namespace {

std::string in_words(DType dtype) {
  return dtype == DType::u8       ? "bytes"
         : dtype == DType::f32    ? "numbers"
         : dtype == DType::images ? "pictures"
                                  : std::string(name_of(dtype));
}

// Whether a node of this type takes what is given and puts out the wanted dtype, and else leaves it as it is.
bool turns(const NodeType& type, const TensorSpec& given, DType wanted) {
  if (type.role != Role::map || type.inputs.size() != 1 || type.outputs.empty()) return false;
  const PortSpec in = parse_port(type.inputs.front().spec), out = parse_port(type.outputs.front().spec);
  const bool keeps_shape = given.dtype == DType::images || in.sides == out.sides;
  return keeps_shape && in.dtype == name_of(given.dtype) && out.dtype == name_of(wanted) &&
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

}  // namespace

bool NodeSetup::bind_inputs() {
  const bool any_name = !type_.inputs.empty() && type_.inputs.back().name == kAnyName;
  std::vector<std::string> names;
  for (const Port& p : type_.inputs)
    if (p.name != kAnyName) names.push_back(p.name);
  bool good = true;
  for (const auto& [name, wire] : request_.in) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && any_name) any_.push_back(name);
    if (!known && !any_name)
      checking_.fault(request_.where_named(name),
                      fmt::format("{}: no input '{}'{}", owner(), name, suggestion(name, names)));
    good = good && (known || any_name) && !checking_.broken(wire);
  }
  if (!good) return false;
  for (const Port& port : type_.inputs) {
    const auto wired = request_.in.find(port.name);
    if (port.name == kAnyName) {
      for (const std::string& name : any_)
        good = bind({.name = name, .spec = port.spec}, request_.in.at(name)) && good;
    } else if (wired != request_.in.end()) {
      good = bind(port, wired->second) && good;
    } else if (!port.optional) {
      good = false;
      checking_.fault(request_.where, fmt::format("{}: input '{}' is not wired; it takes {} ({})", owner(),
                                                  port.name, port.spec, port.doc));
    }
  }
  return good;
}

bool NodeSetup::bind(const Port& port, Wire wire) {
  const PortSpec wanted = parse_port(port.spec);
  if (const auto wrong = misfit(port, wanted, wire)) {
    fault(port.name, *wrong);
    return false;
  }
  wire = fitted(wire, wanted);
  node_.inputs.push_back({.port = port.name, .from = wire, .spec = checking_.spec(wire)});
  return true;
}

// What is wrong with a wire, in words; binds the letters of the port.
std::optional<std::string> NodeSetup::misfit(const Port& port, const PortSpec& wanted, Wire wire) {
  const CheckedNode& producer = checking_.checked.nodes[wire.node];
  const TensorSpec& given = producer.outputs[wire.output].spec;
  const std::string from = source(port.name, producer);
  const bool of_step = producer.type->rate == Rate::step, for_step = type_.rate == Rate::step;
  if (of_step && !for_step)
    return fmt::format(
        "input '{}': '{}' runs once per step, this node once per frame; a value of a step cannot go back to "
        "its "
        "frames",
        port.name, from);
  const DType dtype = wanted_dtype(wanted, given);
  if (!convertible(given.dtype, dtype) || (given.dtype != dtype && given.shape.size() != 4))
    return fmt::format("input '{}' takes {}, but '{}' gives {}{}", port.name, port.spec, from,
                       to_string(given), dtype_hint(checking_.catalog, given, dtype));
  if (const auto wrong = sides_.bind(port, wanted, given.shape))
    return fmt::format("input '{}' {}", port.name, *wrong);
  if (of_step && producer.type->phase > type_.phase)
    return fmt::format(
        "input '{}': '{}' comes later in a step: first what writes resources, then what reads them, then "
        "what "
        "saves them",
        port.name, from);
  if (for_step && !of_step && dtype != DType::f32)
    return fmt::format("input '{}': '{}' gives {} for every frame; only f32 can be averaged over a step",
                       port.name, from, to_string(given));
  return std::nullopt;
}

// What gives the value, as the user wrote it.
std::string NodeSetup::source(const std::string& port, const CheckedNode& producer) const {
  const auto wired = request_.written.find(port);
  return wired == request_.written.end() ? producer.path : wired->second.text;
}

DType NodeSetup::wanted_dtype(const PortSpec& port, const TensorSpec& given) {
  if (port.dtype == "any") return given.dtype;
  if (port.dtype == "act") return stays_plain(port, given.shape) ? DType::f32 : run().activation;
  if (port.dtype != "float") return dtype_of(port.dtype);
  if (!float_ && convertible(given.dtype, DType::f32)) float_ = given.dtype;
  return float_.value_or(DType::f32);
}

// In the dtype and the layout that the port wants.
Wire NodeSetup::fitted(Wire wire, const PortSpec& wanted) {
  const TensorSpec& given = checking_.spec(wire);
  if (given.shape.size() != 4) return wire;
  int block = 1;
  if (wanted.layout == "blocked" || (wanted.layout == "first" && !stays_plain(wanted, given.shape)))
    block = run().channel_block;
  if (wanted.layout == "free") block = free_block_ = free_block_ ? free_block_ : given.block;
  return checking_.in_form(wire, wanted_dtype(wanted, given), block);
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

}  // namespace dagfusion
