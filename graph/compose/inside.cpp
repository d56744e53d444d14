#include "graph/compose/inside.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/document/pattern.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

std::vector<std::string> types_that_stand_inside(const Catalog& catalog) {
  std::vector<std::string> names;
  for (const NodeType& type : catalog.nodes)
    if (stands_inside(type)) names.push_back(type.name);
  return names;
}

}  // namespace

bool stands_inside(const NodeType& type) {
  return !type.minimizes && (type.role == Role::map || type.role == Role::composite);
}

std::string why_not_inside(const Tree& named, const Catalog& catalog) {
  if (!named.is_scalar())
    return fmt::format("'type' is {}; it must be the name of a node type", described(named));
  if (catalog.find(named.text))
    return fmt::format(
        "'{}' cannot stand inside another node; what stands there turns one value into another", named.text);
  return fmt::format("no type '{}'{}", named.text, suggestion(named.text, types_that_stand_inside(catalog)));
}

Inside::Inside(const Tree& map, std::string path, std::string owner)
    : path_(std::move(path)), owner_(std::move(owner)) {
  if (map.is_null()) return;
  if (!map.is_map())
    throw UserError(map.where,
                    fmt::format("{}: 'inside' must be a map from nodes inside to what is different about "
                                "them, like {{PATH: {{PARAMETER: VALUE}}}}",
                                owner_));
  for (const Entry& e : map.entries) {
    if (!e.value.is_map() && !e.value.is_null())
      throw UserError(e.value.where,
                      fmt::format("{}: inside '{}' must be a map of parameters, or null to take the node out",
                                  owner_, e.key));
    changes_.push_back({.pattern = e.key, .what = &e.value, .where = e.where});
  }
}

void Inside::apply(const std::string& path, Node& node, const NodeType& type, const Catalog& catalog) {
  const std::string below = path.substr(path_.size() + 1);
  seen_.push_back(below);
  for (Change& c : changes_)
    if (matches(c.pattern, below)) {
      ++c.matched;
      node.changed = true;
      node.where = c.where;
      change(c, node, type, catalog);
    }
}

void Inside::change(Change& c, Node& node, const NodeType& type, const Catalog& catalog) const {
  node.removed = c.what->is_null();
  if (const Tree* other = c.what->find("type")) replace(c, node, *other, type, catalog);
  for (const Entry& e : c.what->entries) {
    if (e.key == "type") continue;
    if (e.key == "before" || e.key == "after") {
      (e.key == "before" ? node.before : node.after).push_back(&e.value);
    } else if (Tree* there = node.settings.find(e.key)) {
      *there = e.value;
    } else {
      node.settings.entries.push_back(e);
    }
  }
}

// What the composite says of the old type holds for the new one where that has the parameter.
void Inside::replace(Change& c, Node& node, const Tree& named, const NodeType& old,
                     const Catalog& catalog) const {
  const NodeType* type = named.is_scalar() ? catalog.find(named.text) : nullptr;
  if (!type || !stands_inside(*type))
    throw UserError(named.where,
                    fmt::format("{}: inside '{}': {}", owner_, c.pattern, why_not_inside(named, catalog)));
  std::erase_if(node.settings.entries, [&](const Entry& e) {
    const bool known = std::any_of(type->parameters.begin(), type->parameters.end(),
                                   [&](const Parameter& p) { return p.name == e.key; });
    if (!known) c.dropped.insert(e.key);
    return !known;
  });
  c.from.insert((node.type ? node.type : &old)->name);
  c.to = type->name;
  node.type = type;
}

std::vector<Fault> Inside::unmatched() const {
  std::vector<Fault> faults;
  for (const Change& c : changes_)
    if (c.matched == 0)
      faults.push_back({c.where, fmt::format("{}: inside has no node '{}'{}", owner_, c.pattern,
                                             suggestion(c.pattern, seen_))});
  return faults;
}

std::vector<std::string> Inside::notes() const {
  std::vector<std::string> lines;
  for (const Change& c : changes_) {
    if (c.to.empty() || c.matched == 0) continue;
    std::string line = fmt::format("{}: inside '{}': {} {} instead of {}", owner_, c.pattern, c.matched, c.to,
                                   fmt::join(c.from, ", "));
    if (!c.dropped.empty()) line += fmt::format("; dropped {}", fmt::join(c.dropped, ", "));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace dagfusion
