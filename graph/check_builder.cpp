// Composites: their expand function runs here, and every node it adds is checked as it is added.
#include <fmt/format.h>

#include "graph/checking.h"

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
    Request inner{.path = request_.path + "/" + name,
                  .weight_path = request_.weight_path + "/" + name,
                  .type = checking_.catalog.find(type),
                  .where = request_.where,
                  .after = request_.after,
                  .drop_on_error = request_.drop_on_error,
                  .stream = request_.stream.empty() ? "" : request_.stream + "/" + name};
    if (!inner.type) throw std::logic_error("a composite adds an unknown type: " + type);
    for (const auto& [port, wire] : in) {
      if (wire.node == kNoWire.node) continue;
      inner.in[port] = wire;
      if (checking_.broken(wire)) return {};
    }
    inner.parameters = Parameters::make(settings, inner.type->parameters, owner_of(inner.path, type),
                                        inner.where, checking_.faults);
    Named made;
    try {
      made = inner.type->role == Role::composite ? checking_.expand(std::move(inner))
                                                 : checking_.make(std::move(inner));
    } catch (const UserError& e) {
      checking_.add(e);
      return {};
    }
    if (made.broken || made.main.empty()) return {};
    const Wire main = made.ports.at(made.main);
    made_.insert_or_assign(std::make_pair(main.node, main.output), made);
    last_ = made.node;
    return main;
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

  int last() const { return last_; }
  Named named;

 private:
  Checking& checking_;
  const Request& request_;
  std::map<std::pair<int, int>, Named> made_;
  int last_ = -1;
};

}  // namespace

Named Checking::expand(Request request) {
  const NodeType& type = *request.type;
  const std::string owner = owner_of(request.path, type.name);
  bool good = true;
  std::vector<std::string> names;
  for (const Port& p : type.inputs) names.push_back(p.name);
  for (const auto& [name, wire] : request.in) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const auto where = request.in_where.find(name);
      fault(where == request.in_where.end() ? request.where : where->second,
            fmt::format("{}: no input '{}'{}", owner, name, suggestion(name, names)));
      good = false;
    } else if (broken(wire)) {
      good = false;
    }
  }
  Sides sides;
  sides.set("N", checked.run.micro_batch, "run.micro_batch");
  for (const Port& port : type.inputs) {
    const auto wired = request.in.find(port.name);
    if (wired == request.in.end()) {
      if (port.optional) continue;
      fault(request.where, fmt::format("{}: input '{}' is not wired; it takes {}, {}", owner, port.name,
                                       port.doc, port.spec));
      good = false;
    } else if (!broken(wired->second)) {
      const TensorSpec& given = spec(wired->second);
      const auto wrong = sides.bind(port, parse_port(port.spec), given.shape);
      if (!wrong) continue;
      const auto where = request.in_where.find(port.name);
      fault(where == request.in_where.end() ? request.where : where->second,
            fmt::format("{}: input '{}' {}: {}", owner, port.name, to_string(given.shape), *wrong));
      good = false;
    }
  }
  if (!good) return {.ports = {}, .main = "", .broken = true};

  NodeBuilder builder(*this, request);
  type.expand(builder);
  if (!type.outputs.empty()) builder.named.main = type.outputs.front().name;
  for (const Port& p : type.outputs)
    if (!builder.named.broken && !builder.named.ports.count(p.name))
      throw std::logic_error(fmt::format("{} puts nothing on its output '{}'", type.name, p.name));
  builder.named.node = builder.last();
  return std::move(builder.named);
}

}  // namespace dagfusion
