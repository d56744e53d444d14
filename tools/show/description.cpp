#include "tools/show/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "graph/types/builtin.h"
#include "nodes/catalog.h"
#include "nodes/manual.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

// A heading, and rows whose columns stand below each other; nothing for no rows.
std::string table(const std::string& heading, const Rows& rows) {
  if (rows.empty()) return "";
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], characters(row[c]));
  std::string text = "\n" + heading + "\n";
  for (const auto& row : rows) {
    text += "  ";
    for (std::size_t c = 0; c < row.size(); ++c)
      text += c + 1 < row.size() ? fmt::format("{:<{}}  ", row[c], widths[c]) : row[c];
    text += '\n';
  }
  return text;
}

Rows port_rows(const std::vector<Port>& ports) {
  Rows rows;
  for (const Port& p : ports)
    rows.push_back({p.name == kAnyName ? "any name" : p.name, p.spec,
                    p.doc + (p.optional ? " (need not be wired)" : "")});
  return rows;
}

Rows parameter_rows(const std::vector<Parameter>& parameters) {
  Rows rows;
  for (const Parameter& p : parameters) rows.push_back({p.name, parameter_text(p), p.doc});
  return rows;
}

Json ports_json(const std::vector<Port>& ports) {
  Json all = Json::array();
  for (const Port& p : ports)
    all.push_back({{"name", p.name}, {"spec", p.spec}, {"doc", p.doc}, {"optional", p.optional}});
  return all;
}

Json parameters_json(const std::vector<Parameter>& parameters) {
  Json all = Json::array();
  for (const Parameter& p : parameters) {
    Json one = {{"name", p.name}, {"kind", name_of(p.kind)}, {"doc", p.doc}, {"required", p.required}};
    if (const Json standard = parameter_default(p); !standard.is_null()) one["default"] = standard;
    if (std::isfinite(p.minimum)) one[p.above_minimum ? "above" : "minimum"] = p.minimum;
    if (std::isfinite(p.maximum)) one["maximum"] = p.maximum;
    if (!p.choices.empty()) one["choices"] = p.choices;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

std::vector<const NodeType*> all_types(const Catalog& catalog) {
  std::vector<const NodeType*> all;
  for (const NodeType& type : catalog.nodes) all.push_back(&type);
  all.push_back(&run_pipeline());
  return all;
}

std::string markdown_table(const std::vector<const NodeType*>& types) {
  std::vector<std::string> groups;  // in the order in which they come first
  for (const NodeType* type : types)
    if (std::find(groups.begin(), groups.end(), type->group) == groups.end()) groups.push_back(type->group);
  std::string text = "| type | what it does |\n|---|---|\n";
  for (const std::string& group : groups) {
    text += fmt::format("| **{}** | |\n", group.empty() ? "others" : group);
    for (const NodeType* type : types)
      if (type->group == group) text += fmt::format("| `{}` | {} |\n", type->name, type->summary);
  }
  return text;
}

std::vector<std::string> replacements(const NodeType& type, const Catalog& catalog) {
  std::vector<std::string> names;
  for (const NodeType* other : all_types(catalog)) {
    const auto shares = [&](const std::string& word) {
      return std::find(type.stands_for.begin(), type.stands_for.end(), word) != type.stands_for.end();
    };
    if (other->name != type.name && std::any_of(other->stands_for.begin(), other->stands_for.end(), shares))
      names.push_back(other->name);
  }
  return names;
}

std::string role_text(const NodeType& type) {
  const std::string backward = type.differentiable() ? "; has a backward"
                               : type.stops_gradient ? "; no gradient flows back through it"
                                                     : "; no backward";
  switch (type.role) {
    case Role::map:
      return "map: many frames at once" + backward;
    case Role::data_set:
      return "data set: gives samples by their number, many frames at once";
    case Role::ordered:
      if (type.rate == Rate::frame) return "ordered: every frame, one at a time";
      return std::string("ordered: once per step, ") +
             (type.phase == Phase::write  ? "writes what later frames read"
              : type.phase == Phase::read ? "reads what the step has made"
                                          : "saves what the step has made");
    case Role::composite:
      return std::string("composite: stands for the nodes it is made of") +
             (type.minimizes ? "; minimizes a loss" : "");
  }
  throw std::logic_error("role_text: no such role");
}

std::string parameter_text(const Parameter& p) {
  std::string text = p.kind == Kind::choice ? fmt::format("{}", fmt::join(p.choices, " | "))
                     : p.choices.empty()    ? std::string(name_of(p.kind))
                                            : p.wanted;
  const bool low = std::isfinite(p.minimum), high = std::isfinite(p.maximum);
  if (low && high && !p.above_minimum)
    text += fmt::format(", {} … {}", p.minimum, p.maximum);
  else if (low)
    text += fmt::format(", {} {}{}", p.above_minimum ? "above" : "at least", p.minimum,
                        high ? fmt::format(", at most {}", p.maximum) : "");
  else if (high)
    text += fmt::format(", at most {}", p.maximum);
  if (p.required) return text + ", required";
  const std::string standard = to_string(p.standard);
  return standard.empty() ? text : text + ", default " + standard;
}

Json parameter_default(const Parameter& p) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Unset>)
          return nullptr;
        else
          return value;
      },
      p.standard);
}

namespace {

// Formula, shapes and ranges, moved to the right.
std::string formula_text(const NodeType& type) {
  std::string text;
  std::istringstream lines{std::string(manual_of(type.name))};
  for (std::string line; std::getline(lines, line);) text += line.empty() ? "\n" : "  " + line + "\n";
  return text.empty() ? text : "\nwhat it computes\n" + text;
}

}  // namespace

std::string manual_text(const std::vector<const NodeType*>& types) {
  std::string text, group;
  for (const NodeType* type : types) {
    if (type->group != group || text.empty())
      text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", type->group.empty() ? "others" : type->group);
    group = type->group;
    text += fmt::format("\n## {}\n\n{}{}\n", type->name, type->summary,
                        type->paper.empty() ? "" : " " + type->paper + ".");
    if (const std::string_view formula = manual_of(type->name); !formula.empty())
      text += fmt::format("\n```\n{}```\n", formula);
    if (!type->example.empty()) text += fmt::format("\n    name: {}\n", type->example);
  }
  return text;
}

std::string describe(const NodeType& type, const Catalog& catalog) {
  std::string text = fmt::format("{}: {}\n\n  {}\n", type.name, type.summary, role_text(type));
  if (!type.stands_for.empty()) {
    const std::vector<std::string> others = replacements(type, catalog);
    text += fmt::format("  stands for {}; so {} {}\n", fmt::join(type.stands_for, ", "),
                        others.empty()       ? "does no other"
                        : others.size() == 1 ? "does"
                                             : "do",
                        fmt::join(others, ", "));
    while (text.ends_with(" \n")) text.erase(text.size() - 2, 1);
  }
  if (!type.paper.empty()) text += fmt::format("  {}\n", type.paper);
  text += formula_text(type) + table("inputs", port_rows(type.inputs)) +
          table("outputs", port_rows(type.outputs)) + table("parameters", parameter_rows(type.parameters));
  if (!type.example.empty()) text += fmt::format("\nexample\n  name: {}\n", type.example);
  return text;
}

std::string describe(const SectionType& section) {
  return fmt::format("section {}: {}\n", section.name, section.summary) +
         table("parameters", parameter_rows(section.parameters));
}

Json description_json(const NodeType& type) {
  static const char* const kRoles[] = {"map", "data_set", "ordered", "composite"};
  return {{"name", type.name},
          {"summary", type.summary},
          {"role", kRoles[static_cast<int>(type.role)]},
          {"rate", type.rate == Rate::step ? "step" : "frame"},
          {"differentiable", type.differentiable()},
          {"stands_for", type.stands_for},
          {"paper", type.paper},
          {"computes", manual_of(type.name)},
          {"inputs", ports_json(type.inputs)},
          {"outputs", ports_json(type.outputs)},
          {"parameters", parameters_json(type.parameters)},
          {"example", type.example}};
}

Json description_json(const SectionType& section) {
  return {{"name", section.name},
          {"summary", section.summary},
          {"parameters", parameters_json(section.parameters)}};
}

}  // namespace dagfusion
