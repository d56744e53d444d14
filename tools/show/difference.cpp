#include "tools/show/difference.h"

#include <map>

#include "tools/show/trees.h"

namespace dagfusion {

namespace {

bool counts(const std::string& path, const std::string& key) {
  return !(path.empty() && key == "vars") && key != "doc";
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
