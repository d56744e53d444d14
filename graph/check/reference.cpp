// What entries refer to: outputs of nodes, nodes that come first, and how often a node runs.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "graph/check/checking.h"
#include "graph/compose/references.h"
#include "graph/types/value.h"

namespace dagfusion {

std::optional<Wire> Checking::look_up(const Tree& reference, const Scope& scope, const std::string& owner) {
  const std::string name = name_in(reference), port = port_in(reference);
  if (!reference.is_scalar() || name.empty() || reference.text.ends_with('.')) {
    fault(reference.where,
          fmt::format("{}: an input is {}; it must be the name of a node, or of one of its ports: "
                      "'name.port'",
                      owner, described(reference)));
    return std::nullopt;
  }
  const Named* named = scope.find(name);
  if (!named) {
    fault(reference.where, fmt::format("{}: no node '{}'{}", owner, name, hint_for(name, scope)));
    return std::nullopt;
  }
  if (named->broken) return Wire{};
  const auto wire = named->ports.find(port.empty() ? named->main : port);
  if (wire != named->ports.end()) return wire->second;
  std::vector<std::string> ports;
  for (const auto& [p, w] : named->ports) ports.push_back(p);
  if (ports.empty())
    fault(reference.where, fmt::format("{}: '{}' puts nothing out", owner, name));
  else if (port.empty())
    fault(reference.where, fmt::format("{}: say which output of '{}'{}", owner, name, suggestion("", ports)));
  else
    fault(reference.where,
          fmt::format("{}: '{}' has no output '{}'{}", owner, name, port, suggestion(port, ports)));
  return std::nullopt;
}

Wire Checking::need(const Tree& reference, const Scope& scope, const std::string& owner) {
  const std::optional<Wire> wire = look_up(reference, scope, owner);
  if (!wire || broken(*wire)) throw AlreadyReported();
  return *wire;
}

// Why a name cannot be seen here, or what else can.
std::string Checking::hint_for(const std::string& name, const Scope& scope) const {
  if (name == "each" || name == "carry")
    return fmt::format(" here; '{}' is known in the body of a loop alone", name);
  for (const Entry& e : file.find("nodes")->entries) {
    const Tree* loop = e.value.find("loop");
    const Tree* body = loop ? loop->find("nodes") : nullptr;
    if (body && body->find(name))
      return fmt::format(" here; it lies in the loop '{}', which hands on what 'next' and 'collect' name",
                         e.key);
  }
  return suggestion(name, scope.visible());
}

Setting Checking::read_key(const Tree& value, const Parameter& declared, const std::string& owner) {
  try {
    return read_value(value, declared);
  } catch (const UserError& wrong) {
    for (const Fault& f : wrong.faults()) fault(f.where, fmt::format("{}: {}", owner, f.message));
    return {};
  }
}

Every Checking::read_every(const Tree& tree, const std::string& owner) {
  Every every;
  double number = 0;
  const std::string& text = tree.text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  if (tree.is_scalar() && error == std::errc() && number > 0 && number < 1e12) {
    if (unit.empty() && number == std::floor(number)) {
      every.steps = static_cast<std::int64_t>(number);
      return every;
    }
    const double seconds = unit == "s" ? 1 : unit == "min" ? 60 : unit == "h" ? 3600 : 0;
    if (seconds > 0) {
      every.steps = 0;
      every.seconds = number * seconds;
      return every;
    }
  }
  fault(tree.where,
        fmt::format("{}: 'every' is {}; it must be a number of steps, or a time like 30s, 15min, 2h", owner,
                    described(tree)));
  return every;
}

// The nodes that `after` names, one or a list.
std::vector<First> Checking::read_after(const Tree& tree, const Scope& scope, const std::string& owner) {
  std::vector<First> nodes;
  const auto read = [&](const Tree& reference) {
    if (!reference.is_scalar())
      return fault(reference.where, fmt::format("{}: 'after' holds {}; it must be the name of a node", owner,
                                                described(reference)));
    const Named* named = scope.find(reference.text);
    if (!named)
      fault(reference.where, fmt::format("{}: 'after' names no node '{}'{}", owner, reference.text,
                                         hint_for(reference.text, scope)));
    else if (named->node >= 0)
      nodes.push_back({named->node, reference.text, reference.where});
  };
  if (tree.is_scalar())
    read(tree);
  else if (tree.is_list())
    for (const Tree& item : tree.items) read(item);
  else
    fault(tree.where, fmt::format("{}: 'after' is {}; it must be the name of a node, or a list of names",
                                  owner, described(tree)));
  return nodes;
}

}  // namespace dagfusion
