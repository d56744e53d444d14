// Composites: their expand function runs here, and every node it adds is checked as it is added.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

class NodeBuilder final : public Builder {
 public:
  NodeBuilder(Checking& checking, const Request& request) : checking_(checking), request_(request) {}

  const Parameters& parameters() const override { return request_.parameters; }
  bool has_input(std::string_view port) const override { return request_.in.count(std::string(port)) > 0; }
  Wire input(std::string_view port) const override {
    const auto wired = request_.in.find(std::string(port));
    return wired == request_.in.end() ? kNoWire : wired->second;
  }

  Wire add(const std::string& name, const std::string& type, const std::map<std::string, Wire>& in,
           const std::map<std::string, Setting>& settings) override {
    return add(name, type, in, map_of(settings));
  }

  Wire add(const std::string& name, const std::string& type, const std::map<std::string, Wire>& in,
           const Tree& settings) override {
    Request inner = request_for(name, type);
    inner.where = settings.where;
    for (const auto& [port, wire] : in) {
      if (wire.node == kNoWire.node) continue;
      if (checking_.broken(wire)) return {};
      inner.in[port.empty() && !inner.type->inputs.empty() ? inner.type->inputs.front().name : port] = wire;
    }
    Inside::Node changed{.settings = settings, .where = inner.where};
    Wire made;
    checking_.guarded([&] {
      for (const auto& inside : inner.insides)
        inside->apply(inner.path, changed, changed.type ? *changed.type : *inner.type, checking_.catalog);
      made = add_changed(std::move(inner), name, changed);
    });
    return made;
  }

  Wire call_model(const std::string& name, const ModelCall& call,
                  const std::map<std::string, Wire>& in) override {
    Request inner{.path = request_.path + "/" + name,
                  .weight_path = call.model,
                  .where = request_.where,
                  .after = request_.after,
                  .stream = request_.stream.empty() ? "" : request_.stream + "/" + name};
    for (const auto& [port, wire] : in) {
      if (wire.node == kNoWire.node) continue;
      if (checking_.broken(wire)) return {};
      inner.in[port] = wire;
    }
    Wire made;
    checking_.guarded([&] {
      const ModelSection& model = checking_.called_model(call.model, request_.owner(), request_.where);
      inner.type = model.type;
      inner.calls_model = true;
      inner.parameters = model.parameters;
      checking_.read_inside(inner, model.tree, fmt::format("section '{}'", call.model));
      checking_.take_model_input(inner, request_.owner());
      made = keep(call.when.node == kNoWire.node
                      ? checking_.expand(std::move(inner))
                      : checking_.make_when(std::move(inner), call.when, call.otherwise));
    });
    return made;
  }

  Wire port(Wire wire, std::string_view output) const override {
    if (checking_.broken(wire)) return wire;
    return made_.at({wire.node, wire.output}).ports.at(std::string(output));
  }

  const TensorSpec& spec(Wire wire) const override {
    static const TensorSpec none;
    return checking_.broken(wire) ? none : checking_.spec(wire);
  }
  bool broken(Wire wire) const override { return checking_.broken(wire); }

  void output(std::string_view port, Wire wire) override {
    named.ports[std::string(port)] = wire;
    if (checking_.broken(wire)) named.broken = true;
  }

  bool training() const override { return checking_.checked.run.training; }
  std::vector<std::string> known_classes() const override {
    return checking_.known_classes(request_.owner(), request_.where);
  }
  void keep_classes(std::vector<std::string> names) override { checking_.checked.classes = std::move(names); }
  void fail_at_input(std::string_view port, const std::string& message) const override {
    throw UserError(request_.where_wired(std::string(port)),
                    fmt::format("{}: {}", request_.owner(), message));
  }

  int last() const { return last_; }
  Named named;

 private:
  Request request_for(const std::string& name, const std::string& type) const {
    Request inner{.path = request_.path + "/" + name,
                  .weight_path = request_.weight_path + "/" + name,
                  .type = checking_.catalog.find(type),
                  .where = request_.where,
                  .after = request_.after,
                  .drop_on_error = request_.drop_on_error,
                  .stream = request_.stream.empty() ? "" : request_.stream + "/" + name,
                  .average = request_.average,
                  .part_of = request_.type->minimizes ? request_.owner() : "",
                  .insides = request_.insides};
    if (!inner.type) throw std::logic_error("a composite adds an unknown type: " + type);
    return inner;
  }

  // With what `inside` says of it.
  Wire add_changed(Request inner, const std::string& name, const Inside::Node& changed) {
    const std::string main = inner.type->inputs.empty() ? "" : inner.type->inputs.front().name;
    if (const auto wired = inner.in.find(main); wired != inner.in.end()) {
      for (const Tree* nodes : changed.before) wired->second = add_chain(*nodes, name, wired->second);
      if (changed.removed) return wired->second;
    }
    if (changed.type) fit_wires(inner, *changed.type);
    if (changed.changed) inner.where = changed.where;
    inner.parameters =
        Parameters::read(changed.settings, inner.type->parameters, {}, inner.owner(), checking_.faults);
    Wire made = add_request(std::move(inner));
    for (const Tree* nodes : changed.after) made = add_chain(*nodes, name, made);
    return made;
  }

  // The wires of the old type that the new one takes; the main one whatever its name.
  static void fit_wires(Request& inner, const NodeType& type) {
    std::map<std::string, Wire> kept;
    for (const Port& p : type.inputs)
      if (const auto wired = inner.in.find(p.name); wired != inner.in.end()) kept.insert(*wired);
    if (!type.inputs.empty() && !inner.type->inputs.empty())
      if (const auto wired = inner.in.find(inner.type->inputs.front().name); wired != inner.in.end())
        kept.emplace(type.inputs.front().name, wired->second);
    inner.in = std::move(kept);
    inner.type = &type;
  }

  Wire add_request(Request inner) {
    return keep(inner.type->role == Role::composite ? checking_.expand(std::move(inner))
                                                    : checking_.make(std::move(inner)));
  }

  Wire keep(const Named& made) {
    if (made.broken || made.main.empty()) return {};
    const Wire main = made.ports.at(made.main);
    made_.insert_or_assign(std::make_pair(main.node, main.output), made);
    last_ = made.node;
    return main;
  }

  // Nodes of the user between two of the composite, beside the node `name`.
  Wire add_chain(const Tree& nodes, const std::string& name, Wire wire) {
    const std::size_t slash = name.rfind('/');
    const std::string beside = slash == std::string::npos ? "" : name.substr(0, slash + 1);
    for (const Entry& e : nodes.entries) {
      const Tree* type_name = e.value.find("type");
      const NodeType* type = type_name ? checking_.catalog.find(type_name->text) : nullptr;
      if (!type || type->inputs.empty() || !stands_inside(*type))
        throw UserError(type_name ? type_name->where : e.where,
                        fmt::format("inside '{}': node '{}': {}", request_.path, e.key,
                                    type_name ? why_not_inside(*type_name, checking_.catalog)
                                              : "it lacks the key 'type'"));
      Request inner = request_for(beside + e.key, type->name);
      inner.insides.clear();  // what a user puts in is as it says
      inner.where = e.where;
      inner.in[type->inputs.front().name] = wire;
      inner.parameters =
          Parameters::read(e.value, type->parameters, {"type", "doc"}, inner.owner(), checking_.faults);
      wire = add_request(std::move(inner));
      if (checking_.broken(wire)) return wire;
    }
    return wire;
  }

  // What is handed on as it was written keeps its place.
  Tree map_of(const std::map<std::string, Setting>& settings) const {
    const Position& where = request_.where;
    Tree map{.kind = Tree::Kind::map, .where = where};
    for (const auto& [name, setting] : settings) {
      if (std::holds_alternative<Unset>(setting)) continue;
      const Tree* written = request_.parameters.written(name, setting);
      map.entries.push_back({name, where, written ? *written : tree_of(setting, where)});
    }
    return map;
  }

  Checking& checking_;
  const Request& request_;
  std::map<std::pair<int, int>, Named> made_;
  int last_ = -1;
};

}  // namespace

void Checking::read_inside(Request& request, const Tree& tree, const std::string& owner) {
  const Tree* inside = tree.find("inside");
  if (!inside) return;
  if (request.type->role != Role::composite || request.type->minimizes)
    throw UserError(inside->where, fmt::format("{}: 'inside' is for composites; this is one node", owner));
  request.own_inside = std::make_shared<Inside>(*inside, request.path, owner);
  request.insides.push_back(request.own_inside);
}

namespace {

// Whether every wired input is one of the composite's, has no fault, and has the shape of its port.
bool inputs_fit(Checking& checking, const Request& request) {
  const NodeType& type = *request.type;
  const std::string owner = request.owner();
  bool good = true;
  const auto fault = [&](const Position& where, const std::string& what) {
    checking.fault(where, fmt::format("{}: {}", owner, what));
    good = false;
  };
  std::vector<std::string> names;
  for (const Port& p : type.inputs) names.push_back(p.name);
  for (const auto& [name, wire] : request.in) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      fault(request.where_named(name), fmt::format("no input '{}'{}", name, suggestion(name, names)));
    else if (checking.broken(wire))
      good = false;
  }
  Sides sides;
  sides.set("N", checking.checked.run.micro_batch, "run.micro_batch");
  for (const Port& port : type.inputs) {
    const auto wired = request.in.find(port.name);
    if (wired == request.in.end()) {
      if (!port.optional)
        fault(request.where,
              fmt::format("input '{}' is not wired; it takes {} ({})", port.name, port.spec, port.doc));
    } else if (!checking.broken(wired->second)) {
      const TensorSpec& given = checking.spec(wired->second);
      if (const auto wrong = sides.bind(port, parse_port(port.spec), given.shape))
        fault(request.where_wired(port.name), fmt::format("input '{}' {}", port.name, *wrong));
    }
  }
  return good;
}

}  // namespace

Named Checking::expand(Request request) {
  const NodeType& type = *request.type;
  if (!inputs_fit(*this, request)) return {.ports = {}, .main = "", .broken = true};

  checked.composites.push_back({request.path, &type});
  if (request.calls_model) put_before_model(request);
  NodeBuilder builder(*this, request);
  const std::size_t before = faults.size();
  type.expand(builder);
  if (request.own_inside) {
    if (faults.size() == before)  // else not all of its nodes were seen
      for (Fault& f : request.own_inside->unmatched()) faults.push_back(std::move(f));
    for (std::string& note : request.own_inside->notes())
      if (std::find(checked.notes.begin(), checked.notes.end(), note) == checked.notes.end())
        checked.notes.push_back(std::move(note));
  }
  if (!type.outputs.empty()) builder.named.main = type.outputs.front().name;
  for (const Port& p : type.outputs)
    if (!builder.named.broken && !builder.named.ports.count(p.name))
      throw std::logic_error(fmt::format("{} puts nothing on its output '{}'", type.name, p.name));
  builder.named.node = builder.last();
  return std::move(builder.named);
}

}  // namespace dagfusion
