#include "tools/difference.h"

#include <algorithm>
#include <map>

namespace dagfusion {

namespace {

bool counts(const std::string& path, const std::string& key) {
  return !(path.empty() && key == "vars") && key != "doc";
}

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

const std::string& type_of(const Tree& tree) {
  static const std::string none;
  const Tree* type = tree.is_map() ? tree.find("type") : nullptr;
  return type ? type->text : none;
}

class Comparison {
 public:
  std::vector<Difference> found;

  void compare(const Tree& a, const Tree& b, const std::string& path, bool wires) {
    if (equal(a, b)) return;
    if (!a.is_map() || !b.is_map())
      return add(wires ? Difference::Kind::wire : Difference::Kind::value, path, &a, &b);
    if (type_of(a) != type_of(b) && !type_of(a).empty() && !type_of(b).empty())
      found.push_back({Difference::Kind::type, path, type_of(a), type_of(b)});
    const std::string prefix = path.empty() ? "" : path + ".";
    for (const Entry& e : a.entries) {
      if (!counts(path, e.key) || e.key == "type") continue;
      const Tree* other = b.find(e.key);
      if (other)
        compare(e.value, *other, prefix + e.key, wires || is_wire(e.key));
      else
        add(Difference::Kind::only_before, prefix + e.key, &e.value, nullptr);
    }
    for (const Entry& e : b.entries)
      if (counts(path, e.key) && e.key != "type" && !a.find(e.key))
        add(Difference::Kind::only_now, prefix + e.key, nullptr, &e.value);
  }

 private:
  static bool is_wire(const std::string& key) {
    return key == "in" || key == "after" || key == "minimize" || key == "carry" || key == "next" ||
           key == "collect";
  }
  void add(Difference::Kind kind, const std::string& path, const Tree* a, const Tree* b) {
    found.push_back({kind, path, a ? in_one_line(*a) : "", b ? in_one_line(*b) : ""});
  }
};

}  // namespace

std::string in_one_line(const Tree& tree) {
  if (tree.is_null()) return "null";
  if (tree.is_scalar()) return tree.text;
  std::string text;
  for (const Tree& item : tree.items) text += (text.empty() ? "" : ", ") + in_one_line(item);
  for (const Entry& e : tree.entries)
    text += (text.empty() ? "" : ", ") + e.key + ": " + in_one_line(e.value);
  return tree.is_list() ? "[" + text + "]" : "{" + text + "}";
}

std::vector<Difference> differences(const Tree& before, const Tree& now) {
  Comparison comparison;
  comparison.compare(before, now, "", false);
  return std::move(comparison.found);
}

std::vector<Difference> node_differences(const Checked& before, const Checked& now) {
  std::vector<Difference> found;
  std::map<std::string, const CheckedNode*> there;
  for (const CheckedNode& n : now.nodes) there[n.path] = &n;
  for (const CheckedNode& n : before.nodes) {
    const auto other = there.find(n.path);
    if (other == there.end()) {
      found.push_back({Difference::Kind::only_before, n.path, n.type->name, ""});
      continue;
    }
    if (other->second->type->name != n.type->name)
      found.push_back({Difference::Kind::type, n.path, n.type->name, other->second->type->name});
    there.erase(other);
  }
  for (const CheckedNode& n : now.nodes)
    if (there.count(n.path)) found.push_back({Difference::Kind::only_now, n.path, "", n.type->name});
  return found;
}

}  // namespace dagfusion
