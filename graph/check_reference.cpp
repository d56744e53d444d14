// What entries refer to: outputs of nodes, nodes that come first, and how often a node runs.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "graph/checking.h"

namespace dagfusion {

namespace {

std::vector<std::string> visible_names(const Scope& scope) {
  std::vector<std::string> names;
  for (const Scope* s = &scope; s; s = s->parent)
    for (const auto& [name, named] : s->names) names.push_back(name);
  return names;
}

}  // namespace

std::optional<Wire> Checking::look_up(const Tree& reference, const Scope& scope, const std::string& owner) {
  if (!reference.is_scalar()) {
    fault(reference.where,
          fmt::format("{}: an input is the name of a node, or of one of its ports: 'name.port'", owner));
    return std::nullopt;
  }
  const std::size_t dot = reference.text.find('.');
  const std::string name = reference.text.substr(0, dot);
  const std::string port = dot == std::string::npos ? "" : reference.text.substr(dot + 1);
  for (const Scope* s = &scope; s; s = s->parent) {
    const auto found = s->names.find(name);
    if (found == s->names.end()) continue;
    const Named& named = found->second;
    if (named.broken) return Wire{};
    const auto wire = named.ports.find(port.empty() ? named.main : port);
    if (wire != named.ports.end()) return wire->second;
    std::vector<std::string> ports;
    for (const auto& [p, w] : named.ports) ports.push_back(p);
    if (ports.empty())
      fault(reference.where, fmt::format("{}: '{}' puts nothing out", owner, name));
    else if (port.empty())
      fault(reference.where,
            fmt::format("{}: say which output of '{}'{}", owner, name, suggestion("", ports)));
    else
      fault(reference.where,
            fmt::format("{}: '{}' has no output '{}'{}", owner, name, port, suggestion(port, ports)));
    return std::nullopt;
  }
  fault(reference.where,
        fmt::format("{}: no node '{}'{}", owner, name, suggestion(name, visible_names(scope))));
  return std::nullopt;
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
        fmt::format("{}: 'every' is '{}'; it must be a number of steps, or a time like 30s, 15min, 2h", owner,
                    text));
  return every;
}

// The nodes that `after` names, one or a list.
std::vector<int> Checking::read_after(const Tree& tree, const Scope& scope, const std::string& owner) {
  std::vector<int> nodes;
  const auto read = [&](const Tree& reference) {
    if (reference.is_scalar())
      for (const Scope* s = &scope; s; s = s->parent)
        if (auto found = s->names.find(reference.text); found != s->names.end()) {
          if (found->second.node >= 0) nodes.push_back(found->second.node);
          return;
        }
    fault(reference.where, fmt::format("{}: 'after' names no node '{}'{}", owner, reference.text,
                                       suggestion(reference.text, visible_names(scope))));
  };
  if (tree.is_scalar())
    read(tree);
  else if (tree.is_list())
    for (const Tree& item : tree.items) read(item);
  else
    fault(tree.where, fmt::format("{}: 'after' must be the name of a node, or a list of names", owner));
  return nodes;
}

}  // namespace dagfusion
