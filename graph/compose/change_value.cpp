// Values below keys: set, add and remove.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "graph/compose/changing.h"

namespace dagfusion {

namespace {

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

class ValueChange {
 public:
  ValueChange(Tree& root, Tree& below, std::string above, const Path& path, const Catalog& catalog)
      : root_(root),
        below_(below),
        above_(std::move(above)),
        keys_(path.keys),
        where_(path.where),
        text_(path.text),
        catalog_(catalog) {}

  void apply(Change::Kind kind, const Tree& value) {
    const bool adds = kind == Change::Kind::add, removes = kind == Change::Kind::remove;
    if (above_.empty() && keys_[0] == "run" && keys_.size() == 2 && root_.is_map() && !root_.find("run") &&
        !removes)
      insert(root_, "run", {.where = where_});
    Tree* parent = &below_;
    for (std::size_t depth = 0; depth + 1 < keys_.size(); ++depth) {
      Tree* next = child(*parent, keys_[depth]);
      if (!next) fail_missing(*parent, depth);
      parent = next;
    }
    const std::string& last = keys_.back();
    Tree* target = child(*parent, last);
    if (adds && target)
      fail(fmt::format("'{}' is there already in {}; set it with {}=VALUE", text_, file(), text_));
    if (!target) {
      const bool holds_keys = parent->is_map() || parent->is_null();
      const bool next_item = parent->is_list() && item_number(last) == parent->items.size();
      const bool allowed = adds ? holds_keys || next_item : holds_keys && !removes && takes_new_keys();
      if (!allowed) fail_missing(*parent, keys_.size() - 1);
    }
    if (removes) return remove(*parent, last);
    if (target) {
      *target = value;
    } else {
      insert(*parent, last, value);
    }
  }

 private:
  const std::string& file() const { return root_.where.file; }
  [[noreturn]] void fail(const std::string& message) const { throw UserError(where_, message); }

  // The path down to `depth` keys, as the user writes it.
  std::string down_to(std::size_t depth) const {
    const std::string keys = joined(keys_, depth);
    return above_.empty() ? keys : keys.empty() ? above_ : above_ + "." + keys;
  }

  [[noreturn]] void fail_missing(const Tree& parent, std::size_t depth) const {
    const std::string above = down_to(depth);
    const std::string what = fmt::format("no '{}' in {}", down_to(depth + 1), file());
    if (parent.is_list()) {
      const std::size_t size = parent.items.size();
      fail(size == 0 ? fmt::format("{}; '{}' is an empty list", what, above)
                     : fmt::format("{}; '{}' is a list with the items 0 to {}", what, above, size - 1));
    }
    if (parent.is_scalar())
      fail(fmt::format("{}; '{}' is '{}', which has no keys", what, above, parent.text));
    if (parent.entries.empty()) fail(fmt::format("{}; '{}' is empty", what, above.empty() ? file() : above));
    if (above.empty()) {  // a node's name alone
      for (const NodePlace& node : all_nodes(root_))
        if (node.path == keys_[0])
          fail(fmt::format("{}; did you mean 'nodes.{}'?", what, joined(keys_, keys_.size())));
    }
    std::string hint = suggestion(keys_[depth], parent.keys());
    constexpr std::string_view asks = "; did you mean '";
    if (!above.empty() && hint.starts_with(asks)) hint.insert(asks.size(), above + ".");
    fail(what + hint);
  }

  // Where the checker knows which keys there are:
  // parameters of a node, of the run, of sections and of the models.
  bool takes_new_keys() const {
    if (!above_.empty()) return keys_.size() == 1;
    const std::size_t depth = keys_.size() - 1;
    if (depth == 1) return keys_[0] == "run" || keys_[0] == "model" || catalog_.section(keys_[0]);
    return (depth == 2 && keys_[0] == "models") || (depth >= 2 && keys_[depth - 2] == "nodes");
  }

  void insert(Tree& parent, const std::string& key, Tree value) const {
    if (parent.is_null()) parent.kind = Tree::Kind::map;  // "run:" with nothing behind it
    if (parent.is_list()) {
      parent.items.push_back(std::move(value));
    } else {
      parent.entries.push_back({key, where_of_key(), std::move(value)});
    }
  }

  // Of what was typed, the last key of the path.
  Position where_of_key() const {
    Position where = where_;
    if (!where.text.empty()) where.column += static_cast<int>(text_.size() - keys_.back().size());
    return where;
  }

  static void remove(Tree& parent, const std::string& key) {
    if (parent.is_list()) {
      parent.items.erase(parent.items.begin() + static_cast<std::ptrdiff_t>(*item_number(key)));
    } else {
      std::erase_if(parent.entries, [&](const Entry& entry) { return entry.key == key; });
    }
  }

  Tree& root_;
  Tree& below_;
  const std::string above_;
  const std::vector<std::string>& keys_;
  const Position where_;
  const std::string text_;
  const Catalog& catalog_;
};

}  // namespace

void change_value(Tree& root, Tree& below, const std::string& above, const Path& path, Change::Kind kind,
                  const Tree& value, const Catalog& catalog) {
  ValueChange(root, below, above, path, catalog).apply(kind, value);
}

}  // namespace dagfusion
