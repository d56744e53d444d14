// What the command line changes in a file.
#include <fmt/format.h>

#include "graph/compose/change.h"
#include "graph/compose/path.h"
#include "graph/document/number.h"

namespace dagfusion {

namespace {

// The place behind so many bytes of what was typed.
Position typed(const Override& change, std::size_t bytes) {
  Position where{"command line"};
  where.text = typed_text(change);
  where.column = static_cast<int>(where.text.size() - change.text.size() + bytes) + 1;
  return where;
}

// A value was read as a text of its own; it stands behind the path.
Position moved(const Override& change, std::size_t bytes, const Position& where) {
  return typed(change, bytes + (where.line == 1 ? static_cast<std::size_t>(where.column) - 1 : 0));
}

void move_behind(const Override& change, std::size_t bytes, Tree& tree) {
  tree.where = moved(change, bytes, tree.where);
  for (Tree& item : tree.items) move_behind(change, bytes, item);
  for (Entry& entry : tree.entries) {
    entry.where = moved(change, bytes, entry.where);
    move_behind(change, bytes, entry.value);
  }
}

Tree parse_value(const Override& change, std::size_t equals) {
  const std::string path = change.text.substr(0, equals), text = change.text.substr(equals + 1);
  try {
    Tree value = parse_document(text, "command line");
    move_behind(change, equals + 1, value);
    return value;
  } catch (const UserError& e) {
    const Fault& wrong = e.faults().front();
    throw UserError(moved(change, equals + 1, wrong.where),
                    fmt::format("the value {} of '{}' is not YAML: {}", shown(text), path, wrong.message));
  }
}

Change::Kind kind_of(Override::Kind kind) {
  if (kind == Override::Kind::add) return Change::Kind::add;
  return kind == Override::Kind::remove ? Change::Kind::remove : Change::Kind::set;
}

}  // namespace

std::string typed_text(const Override& change) {
  switch (change.kind) {
    case Override::Kind::add:
      return "--add " + change.text;
    case Override::Kind::remove:
      return "--remove " + change.text;
    case Override::Kind::set:
      break;
  }
  return change.text;
}

Change read_override(const Override& given) {
  const bool removes = given.kind == Override::Kind::remove;
  const std::size_t equals = given.text.find('=');
  const std::string path = given.text.substr(0, equals);
  const Position where = typed(given, 0);
  if (removes && equals != std::string::npos)
    throw UserError(where,
                    fmt::format("'{}' has a value; to remove takes the path alone: {}", given.text, path));
  if (!removes && equals == std::string::npos)
    throw UserError(where, fmt::format("'{}' has no value; expected path=value, like {}=VALUE", given.text,
                                       path.empty() ? "run.seed" : path));
  read_path(path, where);
  Change change{.kind = kind_of(given.kind), .path = path, .where = where};
  if (!removes) change.value = parse_value(given, equals);
  return change;
}

}  // namespace dagfusion
