// What the command line changes in a file.
#include <fmt/format.h>

#include "graph/change.h"
#include "graph/number.h"
#include "graph/path.h"

namespace dagfusion {

namespace {

const Position command_line{"command line", 0, 0};

[[noreturn]] void fail(const std::string& message) { throw UserError(command_line, message); }

void mark_as_command_line(Tree& tree) {
  tree.where = command_line;
  for (Tree& item : tree.items) mark_as_command_line(item);
  for (Entry& entry : tree.entries) {
    entry.where = command_line;
    mark_as_command_line(entry.value);
  }
}

Tree parse_value(const std::string& path, const std::string& text) {
  try {
    Tree value = parse_document(text, command_line.file);
    mark_as_command_line(value);
    return value;
  } catch (const UserError& e) {
    fail(fmt::format("the value {} of '{}' is not YAML: {}", shown(text), path, e.faults().front().message));
  }
}

Change::Kind kind_of(Override::Kind kind) {
  if (kind == Override::Kind::add) return Change::Kind::add;
  return kind == Override::Kind::remove ? Change::Kind::remove : Change::Kind::set;
}

}  // namespace

Change read_override(const Override& given) {
  const bool removes = given.kind == Override::Kind::remove;
  const std::size_t equals = given.text.find('=');
  const std::string path = given.text.substr(0, equals);
  if (removes && equals != std::string::npos)
    fail(fmt::format("'{}' has a value; to remove takes the path alone: {}", given.text, path));
  if (!removes && equals == std::string::npos)
    fail(fmt::format("'{}' has no value; expected path=value, like {}=VALUE", given.text,
                     path.empty() ? "run.seed" : path));
  read_path(path, command_line);
  Change change{.kind = kind_of(given.kind), .path = path, .where = command_line};
  if (!removes) change.value = parse_value(path, given.text.substr(equals + 1));
  return change;
}

}  // namespace dagfusion
