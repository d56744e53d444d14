#include "tools/show/trees.h"

#include <algorithm>

namespace dagfusion {

namespace {

struct Marks {
  const char *list, *end_of_list, *map, *end_of_map, *between, *behind_key, *null;
};
constexpr Marks kYaml = {"[", "]", "{", "}", ", ", ": ", "null"}, kNone = {"", "", "", "", " ", " ", ""};

std::string text_of(const Tree& tree, const Marks& marks) {
  if (tree.is_null()) return marks.null;
  if (tree.is_scalar()) return tree.text;
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : marks.between) + one; };
  for (const Tree& item : tree.items) add(text_of(item, marks));
  for (const Entry& e : tree.entries) add(e.key + marks.behind_key + text_of(e.value, marks));
  return tree.is_list() ? marks.list + text + marks.end_of_list : marks.map + text + marks.end_of_map;
}

}  // namespace

bool equal(const Tree& a, const Tree& b) {
  if (a.is_map() && b.is_map()) {
    const auto within = [](const Tree& x, const Tree& y) {
      return std::all_of(x.entries.begin(), x.entries.end(), [&](const Entry& e) {
        const Tree* other = y.find(e.key);
        return e.key == "doc" || (other && equal(e.value, *other));
      });
    };
    return within(a, b) && within(b, a);
  }
  return a.kind == b.kind && a.text == b.text &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
}

std::string in_one_line(const Tree& tree) { return text_of(tree, kYaml); }

std::string without_brackets(const Tree& tree) { return text_of(tree, kNone); }

std::string shortened(const std::string& text, std::size_t longest) {
  return text.size() > longest ? text.substr(0, longest - 3) + "..." : text;
}

}  // namespace dagfusion
