#include "graph/types/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/value.h"

namespace dagfusion {

namespace {

const Tree* value_of(const Tree& map, std::string_view key) {
  for (const Entry& entry : map.entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

// A default that breaks its own rules is our mistake, not the user's.
Setting checked_default(const Parameter& parameter) {
  if (std::holds_alternative<Unset>(parameter.standard)) return {};
  try {
    return read_value(tree_of(parameter.standard, {}), parameter);
  } catch (const UserError& error) {
    throw std::logic_error(std::string("default of a parameter: ") + error.what());
  }
}

std::vector<std::string> known_keys(const std::vector<Parameter>& declared,
                                    const std::vector<std::string>& others) {
  std::vector<std::string> known;
  for (const Parameter& parameter : declared) known.push_back(parameter.name);
  known.insert(known.end(), others.begin(), others.end());
  return known;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::integer:
      return "integer";
    case Kind::real:
      return "real";
    case Kind::boolean:
      return "boolean";
    case Kind::text:
      return "text";
    case Kind::choice:
      return "choice";
    case Kind::integers:
      return "integers";
    case Kind::reals:
      return "reals";
    case Kind::texts:
      return "texts";
    case Kind::map:
      return "map";
  }
  throw std::logic_error("name_of: no such kind");
}

Parameters Parameters::read(const Tree& from, const std::vector<Parameter>& declared,
                            const std::vector<std::string>& others, const std::string& owner,
                            std::vector<Fault>& faults) {
  Parameters result;
  result.owner_ = owner;
  result.where_ = from.where;
  const bool readable = from.is_map() || from.is_null();
  if (!readable)
    faults.push_back(
        {from.where, fmt::format("{} is {}; it must be a map of settings", owner, described(from))});
  const std::vector<std::string> meant = refuse_other_keys(from, known_keys(declared, others), owner, faults);
  const auto is_missed = [&](const Parameter& p) {  // and no fault says so already
    return p.required && readable && std::find(meant.begin(), meant.end(), p.name) == meant.end();
  };
  for (const Parameter& parameter : declared) {
    Held& held = result.values_[parameter.name];
    held = {checked_default(parameter), {}, from.where};
    if (const Tree* value = value_of(from, parameter.name)) {
      held.where = value->where;
      try {
        held.value = read_value(*value, parameter);
        held.tree = *value;
      } catch (const UserError& error) {
        for (const Fault& fault : error.faults())
          faults.push_back({fault.where, owner + ": " + fault.message});
      }
    } else if (is_missed(parameter)) {
      faults.push_back({from.where, fmt::format("{}: '{}' is missing; it is required ({})", owner,
                                                parameter.name, parameter.doc)});
    }
  }
  return result;
}

Parameters Parameters::make(const std::map<std::string, Setting>& given,
                            const std::vector<Parameter>& declared, const std::string& owner, Position where,
                            std::vector<Fault>& faults) {
  Tree map;
  map.kind = Tree::Kind::map;
  map.where = where;
  for (const auto& [name, setting] : given)
    if (!std::holds_alternative<Unset>(setting))
      map.entries.push_back({name, where, tree_of(setting, where)});
  return read(map, declared, {}, owner, faults);
}

const Parameters::Held& Parameters::held(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw std::logic_error(fmt::format("{}: parameter '{}' was never declared", owner_, name));
  return found->second;
}

namespace {

template <class T>
const T& typed(const Setting& setting, std::string_view name, const std::string& owner) {
  if (const T* value = std::get_if<T>(&setting)) return *value;
  throw std::logic_error(
      fmt::format("{}: parameter '{}' has no value of the kind that was asked for", owner, name));
}

}  // namespace

std::int64_t Parameters::integer(std::string_view name) const {
  return typed<std::int64_t>(held(name).value, name, owner_);
}

double Parameters::real(std::string_view name) const { return typed<double>(held(name).value, name, owner_); }

bool Parameters::flag(std::string_view name) const { return typed<bool>(held(name).value, name, owner_); }

const std::string& Parameters::text(std::string_view name) const {
  return typed<std::string>(held(name).value, name, owner_);
}

const std::vector<std::int64_t>& Parameters::integers(std::string_view name) const {
  return typed<std::vector<std::int64_t>>(held(name).value, name, owner_);
}

const std::vector<double>& Parameters::reals(std::string_view name) const {
  return typed<std::vector<double>>(held(name).value, name, owner_);
}

const std::vector<std::string>& Parameters::texts(std::string_view name) const {
  return typed<std::vector<std::string>>(held(name).value, name, owner_);
}

const Tree& Parameters::tree(std::string_view name) const { return held(name).tree; }

bool Parameters::has(std::string_view name) const {
  const Held& it = held(name);
  return !std::holds_alternative<Unset>(it.value) || it.tree.is_map();
}

const Setting& Parameters::setting(std::string_view name) const { return held(name).value; }

const Tree* Parameters::written(std::string_view name, const Setting& value) const {
  const auto found = values_.find(name);
  const bool same = found != values_.end() && !found->second.tree.is_null() && found->second.value == value;
  return same ? &found->second.tree : nullptr;
}

Fault Parameters::fault(std::string_view name, const std::string& message) const {
  const auto found = values_.find(name);
  return {found == values_.end() ? where_ : found->second.where, owner_ + ": " + message};
}

void Parameters::fail(std::string_view name, const std::string& message) const {
  throw UserError({fault(name, message)});
}

void Parameters::fail(std::string_view name, std::size_t item, const std::string& message) const {
  const auto found = values_.find(name);
  if (found == values_.end() || item >= found->second.tree.items.size()) fail(name, message);
  throw UserError(found->second.tree.items[item].where, owner_ + ": " + message);
}

void Parameters::fail(const std::string& message) const { throw UserError(where_, owner_ + ": " + message); }

}  // namespace dagfusion
