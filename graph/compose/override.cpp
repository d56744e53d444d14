// What the command line changes in a file.
#include <fmt/format.h>

#include <optional>

#include "graph/compose/change.h"
#include "graph/compose/path.h"
#include "graph/document/number.h"
#include "graph/document/yaml_text.h"

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

bool opens_brackets_or_quotes(const std::string& text) {
  return !text.empty() && std::string_view("[{\"'").find(text[0]) != std::string_view::npos;
}

// Where YAML would see a comment: a '#' at the start or behind a space, outside quotes.
std::size_t comment_in(const std::string& text) {
  const bool may_quote = opens_brackets_or_quotes(text);  // in a bare text, a quote is a character
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '#' && (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\t')) return at;
    const bool starts = at == 0 || std::string_view(" [{,").find(text[at - 1]) != std::string_view::npos;
    if (!may_quote || !starts || (text[at] != '"' && text[at] != '\'')) continue;
    const std::size_t end = end_of_quoted(text, at);
    if (end == std::string::npos) break;
    at = end - 1;
  }
  return std::string::npos;
}

// A command line has no comments. A bare text with a '#' is taken as typed;
// inside brackets, YAML must know where the text ends.
std::optional<Tree> text_with_hash(const Override& change, std::size_t equals) {
  const std::string text = change.text.substr(equals + 1);
  const std::size_t hash = comment_in(text);
  if (hash == std::string::npos) return std::nullopt;
  if (!opens_brackets_or_quotes(text)) return scalar(text, typed(change, equals + 1), true);
  throw UserError(typed(change, equals + 1 + hash),
                  fmt::format("the value {} of '{}' has a '#' outside quotes, where YAML begins a comment; "
                              "put the text it belongs to into quotes",
                              shown(text), change.text.substr(0, equals)));
}

Tree parse_value(const Override& change, std::size_t equals) {
  const std::string path = change.text.substr(0, equals), text = change.text.substr(equals + 1);
  if (std::optional<Tree> bare = text_with_hash(change, equals)) return *bare;
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
