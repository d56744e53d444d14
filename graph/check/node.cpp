// One node: its ports fitted to what is wired, then its constructor, which declares the rest through Setup.
#include <fmt/format.h>

#include "graph/check/node_setup.h"

namespace dagfusion {

Wire Checking::in_form(Wire wire, DType dtype, int block) {
  const TensorSpec& given = spec(wire);
  if (given.block == block && given.dtype == dtype) return wire;
  const auto key = std::make_tuple(wire.node, wire.output, dtype, block, current_loop, current_when.node);
  if (auto made = reorders.find(key); made != reorders.end()) return made->second;
  const auto type = std::find_if(catalog.nodes.begin(), catalog.nodes.end(),
                                 [](const NodeType& t) { return t.changes_form; });
  if (type == catalog.nodes.end()) throw std::logic_error("the catalog has no type that changes_form");
  const CheckedNode& producer = checked.nodes[wire.node];
  const std::string layout = block > 1 ? "blocked" : "plain";
  const std::string name(name_of(dtype));
  Request request{.path = fmt::format("{}/{}", producer.path,
                                      given.dtype == dtype ? layout : fmt::format("{}_{}", layout, name)),
                  .type = &*type,
                  .in = {{"x", wire}},
                  .where = producer.where};
  request.parameters = Parameters::make({{"layout", layout}, {"dtype", name}}, type->parameters,
                                        request.owner(), request.where, faults);
  const Named named = make(std::move(request));
  return reorders[key] = named.ports.at(named.main);
}

namespace {

// A node cannot come after one that is only there once its frame, or its step, is over.
void refuse_order(const Checking& checking, const Request& request) {
  const NodeType& type = *request.type;
  if (checking.current_loop >= 0 && (type.role == Role::ordered || type.role == Role::data_set))
    throw UserError(
        request.where,
        fmt::format("{}: {} cannot stand inside a loop: its order would not be defined", request.owner(),
                    type.role == Role::ordered ? "an ordered node" : "a data set"));
  for (const First& a : request.after) {
    const NodeType& first = *checking.checked.nodes[a.node].type;
    if (first.rate == Rate::step && type.rate == Rate::frame)
      throw UserError(
          a.where, fmt::format("{}: 'after' names '{}', which runs once per step, this node once per frame",
                               request.owner(), a.name));
    if (first.rate == Rate::step && first.phase > type.phase)
      throw UserError(
          a.where,
          fmt::format("{}: 'after' names '{}', which comes later in a step: first what writes resources, "
                      "then what reads them, then what saves them",
                      request.owner(), a.name));
  }
}

}  // namespace

Named Checking::make(Request request) {
  const NodeType& type = *request.type;
  refuse_order(*this, request);
  CheckedNode node;
  node.path = request.path;
  node.type = &type;
  node.where = request.where;
  for (const First& a : request.after) node.after.push_back(a.node);
  node.loop = current_loop;
  node.group = current_group;
  node.when = current_when;
  node.averaged_by = request.average.text;
  node.every = request.every;
  node.drop_on_error = request.drop_on_error;
  node.stream = stream_key(checked.run.seed, request.stream.empty() ? request.path : request.stream);
  node.outputs.resize(type.outputs.size());
  NodeSetup setup(*this, request, node);
  Named named;
  if (!setup.bind_inputs()) {
    named.broken = true;
    return named;
  }
  if (type.only_training && !checked.run.training) {  // the identity: no node at all
    named.main = type.outputs.front().name;
    named.ports[named.main] = node.inputs.front().from;
    named.node = node.inputs.front().from.node;
    return named;
  }
  node.node = type.create(setup);
  for (std::size_t i = 0; i < type.outputs.size(); ++i)
    if (node.outputs[i].port.empty())
      throw std::logic_error(
          fmt::format("{} never asked for its output '{}'", type.name, type.outputs[i].name));
  if (!type.shuffled_by.empty()) node.shuffle = request.parameters.flag(type.shuffled_by);
  node.parameters = std::move(request.parameters);
  const int index = static_cast<int>(checked.nodes.size());
  if (!type.outputs.empty()) named.main = type.outputs.front().name;
  for (std::size_t i = 0; i < type.outputs.size(); ++i)
    named.ports[type.outputs[i].name] = {index, static_cast<int>(i)};
  named.node = index;
  checked.nodes.push_back(std::move(node));
  return named;
}

}  // namespace dagfusion
