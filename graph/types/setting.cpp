#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "graph/document/number.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

Tree scalar_tree(std::string text, const Position& where, bool quoted = false) {
  Tree tree;
  tree.kind = Tree::Kind::scalar;
  tree.text = std::move(text);
  tree.quoted = quoted;
  tree.where = where;
  return tree;
}

Tree tree_from(Unset, const Position& where) {
  Tree tree;
  tree.where = where;
  return tree;
}

Tree tree_from(std::int64_t value, const Position& where) {
  return scalar_tree(fmt::format("{}", value), where);
}

Tree tree_from(double value, const Position& where) {
  const std::string text = fmt::format("{}", value);
  return scalar_tree(is_integer(text) ? text + ".0" : text, where);
}

Tree tree_from(bool value, const Position& where) { return scalar_tree(value ? "true" : "false", where); }

Tree tree_from(const std::string& value, const Position& where) { return scalar_tree(value, where, true); }

template <class T>
Tree tree_from(const std::vector<T>& values, const Position& where) {
  Tree tree;
  tree.kind = Tree::Kind::list;
  tree.where = where;
  for (const T& value : values) tree.items.push_back(tree_from(value, where));
  return tree;
}

// Whether YAML reads the bare text as that very text: a word that is no number, truth value or null.
bool stands_bare(const std::string& text) {
  static const std::array<std::string, 9> kTaken = {"true", "false", "yes", "no", "on",
                                                    "off",  "null",  "y",   "n"};
  constexpr std::string_view kMarks = "_-/.+";
  const auto allowed = [&](unsigned char c) {
    return std::isalnum(c) || kMarks.find(char(c)) != kMarks.npos;
  };
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::all_of(text.begin(), text.end(), allowed) &&
         std::find(kTaken.begin(), kTaken.end(), lower) == kTaken.end();
}

std::string in_yaml(const Tree& scalar) {
  if (!scalar.quoted || stands_bare(scalar.text)) return scalar.text;
  std::string text = "\"";
  for (const char c : scalar.text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

}  // namespace

Tree tree_of(const Setting& setting, const Position& where) {
  return std::visit([&](const auto& value) { return tree_from(value, where); }, setting);
}

std::string to_string(const Setting& setting) {
  const Tree tree = tree_of(setting, {});
  if (tree.is_null()) return "";
  if (tree.is_scalar()) return in_yaml(tree);
  std::vector<std::string> items;
  for (const Tree& item : tree.items) items.push_back(in_yaml(item));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

}  // namespace dagfusion
