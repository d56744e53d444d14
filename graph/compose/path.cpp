#include "graph/compose/path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/document/pattern.h"

namespace dagfusion {

namespace {

std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == mark) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

[[noreturn]] void fail_path(const Path& path) {
  throw UserError(path.where, fmt::format("'{}' is not a path; expected keys with dots between them, like "
                                          "nodes.NAME.KEY",
                                          path.text));
}

// The sections that hold a model, by name.
std::vector<std::pair<std::string, Tree*>> models(Tree& root) {
  std::vector<std::pair<std::string, Tree*>> found;
  if (Tree* model = root.find("model"); model && model->is_map()) found.emplace_back("model", model);
  if (Tree* several = root.find("models"); several && several->is_map())
    for (Entry& e : several->entries)
      if (e.value.is_map()) found.emplace_back(e.key, &e.value);
  return found;
}

void add_nodes(Tree& nodes, const std::string& prefix, std::vector<std::string> keys,
               std::vector<NodePlace>& found) {
  if (!nodes.is_map()) return;
  keys.push_back("nodes");
  for (Entry& e : nodes.entries) {
    NodePlace place{prefix + e.key, keys, &nodes, e.key, &e.value};
    place.keys.push_back(e.key);
    found.push_back(place);
    Tree* loop = e.value.is_map() ? e.value.find("loop") : nullptr;
    if (!loop || !loop->is_map()) continue;
    place.keys.push_back("loop");
    if (Tree* body = loop->find("nodes")) add_nodes(*body, place.path + "/", place.keys, found);
    if (Tree* each = loop->find("each")) {
      place.keys.push_back("each");
      found.push_back({place.path + "/each", place.keys, nullptr, "each", each});
    }
  }
}

const Tree* type_of(const Tree& node) {
  const Tree* type = node.is_map() ? node.find("type") : nullptr;
  return type && type->is_scalar() ? type : nullptr;
}

bool is_composite(const Tree& node, const Catalog& catalog) {
  const Tree* named = type_of(node);
  const NodeType* type = named ? catalog.find(named->text) : nullptr;
  return type && type->role == Role::composite && !type->minimizes;
}

// "model/mid/conv" below "model" -> "mid/conv"; empty when it does not lie below.
std::string below(const std::string& pattern, const std::string& name) {
  return pattern.size() > name.size() + 1 && pattern.starts_with(name + "/") ? pattern.substr(name.size() + 1)
                                                                             : "";
}

}  // namespace

std::string joined(const std::vector<std::string>& keys, std::size_t count) {
  return fmt::format("{}", fmt::join(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), "."));
}

Path read_path(const std::string& text, const Position& where) {
  Path path{.text = text, .where = where};
  const std::size_t slash = text.rfind('/');
  if (slash == std::string::npos) {
    path.keys = split(text, '.');
  } else {
    const std::size_t dot = text.find('.', slash);
    path.nodes = text.substr(0, dot);
    if (dot != std::string::npos) path.keys = split(text.substr(dot + 1), '.');
    for (const std::string& name : split(path.nodes, '/'))
      if (name.empty()) fail_path(path);
  }
  for (const std::string& key : path.keys)
    if (key.empty()) fail_path(path);
  return path;
}

std::vector<NodePlace> all_nodes(Tree& root) {
  std::vector<NodePlace> found;
  if (Tree* nodes = root.find("nodes")) add_nodes(*nodes, "", {}, found);
  return found;
}

const NodePlace* node_at(const std::vector<NodePlace>& all, const std::vector<std::string>& keys) {
  for (const NodePlace& place : all)
    if (place.keys == keys || (keys.size() == 1 && place.path == keys[0])) return &place;
  return nullptr;
}

Places find_places(Tree& root, const std::string& pattern, const Position& where, const Catalog& catalog) {
  Places found;
  std::vector<std::string> names;
  const std::vector<std::pair<std::string, Tree*>> sections = models(root);
  for (const auto& [name, section] : sections) {
    names.push_back(name);
    if (const std::string rest = below(pattern, name); !rest.empty())
      found.insides.push_back({section, rest});
  }
  for (const NodePlace& place : all_nodes(root)) {
    names.push_back(place.path);
    if (matches(pattern, place.path)) found.nodes.push_back(place);
    const std::string rest = below(pattern, place.path);
    if (rest.empty()) continue;
    if (is_composite(*place.node, catalog)) found.insides.push_back({place.node, rest});
    if (const Tree* type = type_of(*place.node); type && type->text == "model") {
      const Tree* which = place.node->find("model");
      const std::string section = which && which->is_scalar() ? which->text : "model";
      throw UserError(
          where, fmt::format("'{}' lies in a call of the section '{}', whose calls are all the same; did you "
                             "mean '{}/{}'?",
                             pattern, section, section, rest));
    }
  }
  if (found.nodes.empty() && found.insides.empty() && pattern.starts_with("**/"))
    for (const auto& [name, section] : sections) found.insides.push_back({section, pattern});
  if (found.nodes.empty() && found.insides.empty())
    throw UserError(
        where, fmt::format("no node '{}' in {}{}", pattern, root.where.file, suggestion(pattern, names)));
  return found;
}

Tree& inside_settings(const InsidePlace& place, const Position& where) {
  Tree map{.kind = Tree::Kind::map, .where = where};
  Tree* inside = place.composite->find("inside");
  if (!inside) {
    place.composite->entries.push_back({"inside", where, map});
    inside = &place.composite->entries.back().value;
  }
  if (inside->is_null()) inside->kind = Tree::Kind::map;
  if (Tree* settings = inside->find(place.pattern)) return *settings;
  inside->entries.push_back({place.pattern, where, std::move(map)});
  return inside->entries.back().value;
}

}  // namespace dagfusion
