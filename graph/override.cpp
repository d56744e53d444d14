// What the command line changes in a file: set, add and remove.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "graph/document.h"
#include "graph/number.h"

namespace dagfusion {

namespace {

const Position command_line{"command line"};

[[noreturn]] void fail(const std::string& message) { throw UserError(command_line, message); }

std::string joined(const std::vector<std::string>& keys, std::size_t count) {
  return fmt::format("{}", fmt::join(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), "."));
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> keys(1);
  for (char c : path) {
    if (c == '.') {
      keys.emplace_back();
    } else {
      keys.back() += c;
    }
  }
  for (const std::string& key : keys) {
    if (key.empty())
      fail(fmt::format(
          "'{}' is not a path; expected keys with dots between them, like nodes.adam.learning_rate", path));
  }
  return keys;
}

// The place behind so many bytes of what was typed.
Position typed(const Override& change, std::size_t bytes) {
  Position where = command_line;
  where.text = typed_text(change);
  where.column = static_cast<int>(where.text.size() - change.text.size() + bytes) + 1;
  return where;
}

// A value was read as a text of its own; it stands behind the path.
void move_behind(const Override& change, std::size_t bytes, Tree& tree) {
  const auto moved = [&](const Position& where) {
    return typed(change, bytes + (where.line == 1 ? static_cast<std::size_t>(where.column) - 1 : 0));
  };
  tree.where = moved(tree.where);
  for (Tree& item : tree.items) move_behind(change, bytes, item);
  for (Entry& entry : tree.entries) {
    entry.where = moved(entry.where);
    move_behind(change, bytes, entry.value);
  }
}

Tree parse_value(const Override& change, std::size_t equals) {
  const std::string path = change.text.substr(0, equals), text = change.text.substr(equals + 1);
  try {
    Tree value = parse_document(text, command_line.file);
    move_behind(change, equals + 1, value);
    return value;
  } catch (const UserError& e) {
    fail(fmt::format("the value {} of '{}' is not YAML: {}", shown(text), path, e.faults().front().message));
  }
}

std::optional<std::size_t> item_number(const std::string& key) {
  std::size_t number = 0;
  auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return number;
}

// The value below `parent`; null when it is not there.
Tree* child(Tree& parent, const std::string& key) {
  if (!parent.is_list()) return parent.find(key);
  auto number = item_number(key);
  return number && *number < parent.items.size() ? &parent.items[*number] : nullptr;
}

[[noreturn]] void fail_missing(const Tree& root, const Tree& parent, const std::vector<std::string>& keys,
                               std::size_t depth) {
  std::string above = joined(keys, depth), path = joined(keys, depth + 1);
  std::string what = fmt::format("no '{}' in {}", path, root.where.file);
  if (parent.is_list()) {
    std::size_t size = parent.items.size();
    fail(size == 0 ? fmt::format("{}; '{}' is an empty list", what, above)
                   : fmt::format("{}; '{}' is a list with the items 0 to {}", what, above, size - 1));
  }
  if (parent.is_scalar()) fail(fmt::format("{}; '{}' is '{}', which has no keys", what, above, parent.text));
  if (parent.entries.empty())
    fail(fmt::format("{}; '{}' is empty", what, depth == 0 ? root.where.file : above));
  std::string hint = suggestion(keys[depth], parent.keys());
  constexpr std::string_view asks = "; did you mean '";
  if (depth > 0 && hint.starts_with(asks)) hint.insert(asks.size(), above + ".");
  fail(what + hint);
}

// Where the checker knows which keys there are: parameters of a node, of the run and of the models.
bool takes_new_keys(const std::vector<std::string>& keys) {
  std::size_t depth = keys.size() - 1;
  if (depth == 1) return keys[0] == "run" || keys[0] == "diffusion" || keys[0] == "model";
  return (depth == 2 && keys[0] == "models") || (depth >= 2 && keys[depth - 2] == "nodes");
}

void insert(Tree& parent, const std::string& key, const Position& where, Tree value) {
  if (parent.is_null()) parent.kind = Tree::Kind::map;  // "run:" with nothing behind it
  if (parent.is_list()) {
    parent.items.push_back(std::move(value));
  } else {
    parent.entries.push_back({key, where, std::move(value)});
  }
}

void remove(Tree& parent, const std::string& key) {
  if (parent.is_list()) {
    parent.items.erase(parent.items.begin() + static_cast<std::ptrdiff_t>(*item_number(key)));
  } else {
    std::erase_if(parent.entries, [&](const Entry& entry) { return entry.key == key; });
  }
}

void apply(Tree& root, const Override& change) {
  bool removes = change.kind == Override::Kind::remove;
  std::size_t equals = change.text.find('=');
  std::string path = change.text.substr(0, equals);
  if (removes && equals != std::string::npos)
    fail(fmt::format("'{}' has a value; to remove takes the path alone: {}", change.text, path));
  if (!removes && equals == std::string::npos)
    fail(fmt::format("'{}' has no value; expected path=value, like {}=VALUE", change.text,
                     path.empty() ? "run.seed" : path));
  std::vector<std::string> keys = split(path);
  if (keys[0] == "run" && keys.size() == 2 && root.is_map() && root.find("run") == nullptr && !removes)
    insert(root, "run", typed(change, 0), {.where = typed(change, 0)});

  Tree* parent = &root;
  for (std::size_t depth = 0; depth + 1 < keys.size(); ++depth) {
    Tree* next = child(*parent, keys[depth]);
    if (next == nullptr) fail_missing(root, *parent, keys, depth);
    parent = next;
  }
  const std::string& last = keys.back();
  Tree* target = child(*parent, last);
  bool adds = change.kind == Override::Kind::add;
  if (adds && target != nullptr)
    fail(fmt::format("'{}' is there already in {}; set it with {}=VALUE", path, root.where.file, path));
  if (target == nullptr) {
    bool holds_keys = parent->is_map() || parent->is_null();
    bool next_item = parent->is_list() && item_number(last) == parent->items.size();
    bool allowed = adds ? holds_keys || next_item : holds_keys && !removes && takes_new_keys(keys);
    if (!allowed) fail_missing(root, *parent, keys, keys.size() - 1);
  }
  if (removes) return remove(*parent, last);
  Tree value = parse_value(change, equals);
  if (target != nullptr) {
    *target = std::move(value);
  } else {
    insert(*parent, last, typed(change, path.size() - last.size()), std::move(value));
  }
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

void apply_override(Tree& root, const Override& change) {
  try {
    apply(root, change);
  } catch (const UserError& e) {
    std::vector<Fault> faults = e.faults();
    for (Fault& fault : faults) fault.where = typed(change, 0);
    throw UserError(std::move(faults));
  }
}

}  // namespace dagfusion
