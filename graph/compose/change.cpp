#include "graph/compose/change.h"

#include <fmt/format.h>

#include "graph/compose/changing.h"

namespace dagfusion {

namespace {

class Changer {
 public:
  Changer(Tree& root, const Change& change, const Catalog& catalog, std::vector<std::string>& notes)
      : root_(root),
        change_(change),
        path_(read_path(change.path, change.where)),
        catalog_(catalog),
        notes_(notes) {}

  void apply() {
    switch (change_.kind) {
      case Change::Kind::set:
      case Change::Kind::add:
        return set();
      case Change::Kind::replace:
        return replace();
      case Change::Kind::remove:
        return remove();
      case Change::Kind::insert_before:
      case Change::Kind::insert_after:
        return insert();
    }
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw UserError(change_.where, message); }

  Places places_of(const std::string& pattern) const {
    Places places = find_places(root_, pattern, change_.where, catalog_);
    if (!places.nodes.empty() && pattern.starts_with("**/") && root_.find("model"))
      notes_.push_back(fmt::format("'{}' meets nodes of the file; those inside the model are 'model/{}'",
                                   pattern, pattern));
    return places;
  }

  // For values: a path without a slash goes through the keys of the file.
  void set() {
    if (path_.nodes.empty()) {
      if (path_.keys[0] == "plugins")
        fail(
            "'plugins' cannot be set, since they come before all else; name them in 'plugins' of a file, or "
            "with --plugin FILE");
      if (replaces_type()) return;
      return change_value(root_, root_, "", path_, change_.kind, change_.value, catalog_);
    }
    if (path_.keys.empty())
      fail(fmt::format("'{}' names a node; a value is one of its keys, like {}.{}", change_.path, path_.nodes,
                       "type"));
    const Places places = places_of(path_.nodes);
    for (const NodePlace& place : places.nodes) {
      if (path_.keys.size() == 1 && path_.keys[0] == "type" && change_.value.is_scalar() && has_type(place)) {
        replace_by_type(place);
      } else {
        change_value(root_, *place.node, place.path, path_, change_.kind, change_.value, catalog_);
      }
    }
    for (const InsidePlace& place : places.insides) {
      if (path_.keys.size() != 1)
        fail(fmt::format("'{}' has more than one key behind the last slash", change_.path));
      Tree& settings = inside_settings(place, change_.where);
      if (!settings.is_map())
        fail(fmt::format("'{}' was removed and has no '{}'", path_.nodes, path_.keys[0]));
      if (Tree* there = settings.find(path_.keys[0])) {
        *there = change_.value;
      } else {
        settings.entries.push_back({path_.keys[0], change_.where, change_.value});
      }
    }
  }

  static bool has_type(const NodePlace& place) { return place.node->is_map() && place.node->find("type"); }

  // `nodes.loss.type=huber_loss` is a replacement: the old type's parameters go.
  bool replaces_type() {
    if (path_.keys.size() < 3 || path_.keys.back() != "type" || !change_.value.is_scalar()) return false;
    const std::vector<std::string> node(path_.keys.begin(), path_.keys.end() - 1);
    const std::vector<NodePlace> all = all_nodes(root_);
    const NodePlace* place = node_at(all, node);
    if (!place || !has_type(*place) || change_.kind == Change::Kind::add) return false;
    replace_by_type(*place);
    return true;
  }

  void replace_by_type(const NodePlace& place) {
    const std::string& type = place.node->find("type")->text;
    if (type == change_.value.text) return;
    if (!catalog_.find(type) ||
        !catalog_.find(change_.value.text)) {  // a variable, a call of the model: as written
      *place.node->find("type") = change_.value;
      return;
    }
    Tree by{.kind = Tree::Kind::map, .where = change_.where};
    by.entries.push_back({"type", change_.where, change_.value});
    replace_node(place, by, change_.where, catalog_, notes_);
  }

  // Places of a whole node: nodes.loss, loss, denoise/prev, or inside a composite.
  Places node_places() const {
    if (!path_.nodes.empty()) {
      if (!path_.keys.empty())
        fail(fmt::format("'{}' names a key, not a node; the node is '{}'", change_.path, path_.nodes));
      return places_of(path_.nodes);
    }
    const std::vector<NodePlace> all = all_nodes(root_);
    if (const NodePlace* place = node_at(all, path_.keys)) return {.nodes = {*place}, .insides = {}};
    return places_of(path_.keys.size() == 2 && path_.keys[0] == "nodes" ? path_.keys[1] : change_.path);
  }

  void replace() {
    const Places places = node_places();
    for (const NodePlace& place : places.nodes)
      replace_node(place, change_.value, change_.where, catalog_, notes_);
    for (const InsidePlace& place : places.insides) {
      if (!change_.value.is_map() || !change_.value.find("type"))
        fail(fmt::format("'{}' is replaced by what has no 'type'; a node is a map like {{type: TYPE}}",
                         change_.path));
      inside_settings(place, change_.where) = change_.value;
    }
  }

  void remove() {
    const std::vector<NodePlace> all = all_nodes(root_);
    const NodePlace* place =
        path_.nodes.empty() && path_.keys.size() > 1 ? node_at(all, path_.keys) : nullptr;
    const bool bare = path_.nodes.empty() && path_.keys.size() == 1 && !root_.find(path_.keys[0]);
    if (place) return remove_node(root_, *place, change_.where, catalog_, notes_);
    if (path_.nodes.empty() && !bare)
      return change_value(root_, root_, "", path_, change_.kind, {}, catalog_);
    if (!path_.keys.empty() && !path_.nodes.empty()) return remove_key();
    const Places places = node_places();
    for (auto node = places.nodes.rbegin(); node != places.nodes.rend(); ++node) {
      const std::vector<NodePlace> left = all_nodes(root_);  // places move as nodes go
      if (const NodePlace* still = node_at(left, node->keys))
        remove_node(root_, *still, change_.where, catalog_, notes_);
    }
    for (const InsidePlace& inside : places.insides)
      inside_settings(inside, change_.where) = Tree{.where = change_.where};
  }

  void remove_key() {
    const Places places = places_of(path_.nodes);
    if (!places.insides.empty())
      fail(fmt::format("'{}' lies inside a composite, whose nodes have no keys of their own; set it instead",
                       change_.path));
    for (const NodePlace& place : places.nodes)
      change_value(root_, *place.node, place.path, path_, change_.kind, {}, catalog_);
  }

  void insert() {
    const bool before = change_.kind == Change::Kind::insert_before;
    Path node = path_;
    std::string port;  // xt.x0, model/mid/attention.x
    const std::vector<NodePlace> all = all_nodes(root_);
    const bool keyed =
        path_.nodes.empty() ? !node_at(all, path_.keys) && path_.keys.size() > 1 : !path_.keys.empty();
    if (keyed) {
      port = node.keys.back();
      node.keys.pop_back();
      node.text = change_.path.substr(0, change_.path.size() - port.size() - 1);
    }
    Change whole = change_;
    whole.path = node.text;
    const Places places = Changer(root_, whole, catalog_, notes_).node_places();
    if (places.insides.empty() && places.nodes.size() > 1)
      fail(fmt::format("'{}' names {} nodes; a node is inserted at one place", change_.path,
                       places.nodes.size()));
    if (!places.nodes.empty()) {
      if (before) return insert_before(places.nodes[0], port, change_.value, change_.where, catalog_);
      return insert_after(root_, places.nodes[0], port, change_.value, change_.where, catalog_);
    }
    if (!port.empty())
      fail(fmt::format("'{}': inside a composite nodes are inserted at the main port: {}", change_.path,
                       node.text));
    for (const InsidePlace& place : places.insides) {
      Tree& settings = inside_settings(place, change_.where);
      if (!settings.is_map())
        fail(fmt::format("'{}' was removed; nothing can be inserted there", change_.path));
      settings.entries.push_back({before ? "before" : "after", change_.where, change_.value});
    }
  }

  Tree& root_;
  const Change& change_;
  const Path path_;
  const Catalog& catalog_;
  std::vector<std::string>& notes_;
};

}  // namespace

void apply(Tree& root, const Change& change, const Catalog& catalog, std::vector<std::string>& notes) {
  Changer(root, change, catalog, notes).apply();
}

}  // namespace dagfusion
