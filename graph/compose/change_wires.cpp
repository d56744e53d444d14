// Nodes taken out and put in, with what reads them rewired.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/compose/changing.h"
#include "graph/compose/references.h"

namespace dagfusion {

namespace {

bool is_after(const Tree& node, const Tree* reference) {
  const Tree* after = node.find("after");
  if (!after) return false;
  if (after == reference) return true;
  for (const Tree& item : after->items)
    if (&item == reference) return true;
  return false;
}

// `after: name` goes: what it named is no more.
void forget(Tree& node, const std::string& name) {
  Tree* after = node.find("after");
  if (!after) return;
  std::erase_if(after->items, [&](const Tree& item) { return item.text == name; });
  const bool empty = after->is_list() ? after->items.empty() : after->text == name;
  if (empty) std::erase_if(node.entries, [](const Entry& e) { return e.key == "after"; });
}

// What the node's main input is wired to; null when nothing is.
const Tree* main_wire(const Tree& node, const Catalog& catalog) {
  const Tree* in = node.is_map() ? node.find("in") : nullptr;
  if (!in || in->is_scalar()) return in;
  return in->is_map() ? in->find(main_input(node, catalog)) : nullptr;
}

std::string main_output(const Tree& node, const Catalog& catalog) {
  const Tree* type = node.is_map() ? node.find("type") : nullptr;
  const NodeType* known = type ? catalog.find(type->text) : nullptr;
  return known && !known->outputs.empty() ? known->outputs.front().name : "";
}

// A type whose input may be of any kind, and whose output is of one, takes no more of it than its shape:
// noise for an image, timesteps for a batch. What it reads is another thing than what it makes.
bool takes_shape_alone(const Tree& node, const Catalog& catalog) {
  const Tree* type = node.is_map() ? node.find("type") : nullptr;
  const NodeType* known = type ? catalog.find(type->text) : nullptr;
  if (!known || known->inputs.empty() || known->outputs.empty()) return false;
  const std::string any = "any";
  return parse_port(known->inputs.front().spec).dtype == any &&
         parse_port(known->outputs.front().spec).dtype != any;
}

// What may name a node beside it: the other nodes of its map, and the loop around it for what it hands on.
struct Reader {
  std::string name;
  Tree* tree;
};

std::vector<Reader> readers_of(Tree& root, const NodePlace& place) {
  std::vector<Reader> found;
  for (Entry& e : place.siblings->entries) found.push_back({e.key, &e.value});
  for (const NodePlace& other : all_nodes(root)) {  // `next` and `collect` of a loop read its body
    Tree* loop = other.node->is_map() ? other.node->find("loop") : nullptr;
    if (!loop || loop->find("nodes") != place.siblings) continue;
    for (const char* key : {"next", "collect"})
      if (Tree* part = loop->find(key)) found.push_back({other.path + "." + key, part});
  }
  return found;
}

// The texts by which a node, or what a loop hands on, refers to nodes beside it.
std::vector<Tree*> texts_of(Tree& reader) {
  std::vector<Tree*> texts = references_of(reader);
  if (texts.empty() && reader.is_map() && !reader.find("type") && !reader.find("loop"))
    for (Entry& e : reader.entries)
      if (e.value.is_scalar()) texts.push_back(&e.value);
  return texts;
}

void refuse_taken_names(const NodePlace& place, const Tree& nodes, const Position& where) {
  const Tree* type = nodes.is_map() ? nodes.find("type") : nullptr;  // of a node without its name
  if (!nodes.is_map() || nodes.entries.empty() || (type && type->is_scalar()))
    throw UserError(nodes.where.line ? nodes.where : where,
                    fmt::format("what is inserted at '{}' must be a map from names to nodes, like {{NAME: "
                                "{{type: {}}}}}",
                                place.path, type && type->is_scalar() ? type->text : "TYPE"));
  if (!place.siblings)
    throw UserError(
        where,
        fmt::format("'{}' counts the iterations of its loop; nothing can be inserted there", place.path));
  for (const Entry& e : nodes.entries) {
    if (place.siblings->find(e.key))
      throw UserError(e.where, fmt::format("there is a node '{}' already", e.key));
    if (!e.value.is_map() || !e.value.find("type"))
      throw UserError(e.where, fmt::format("node '{}' lacks the key 'type'", e.key));
  }
}

// Wires the main input of a new node, unless the user did.
Tree wired_to(const Entry& made, const Tree& reference, const Catalog& catalog) {
  Tree node = made.value;
  Tree* in = node.find("in");
  const std::string main = main_input(node, catalog);
  Tree from = scalar(reference.text, made.where);
  if (!in)
    node.entries.push_back({"in", made.where, std::move(from)});
  else if (in->is_map() && !main.empty() && !in->find(main))
    in->entries.push_back({main, made.where, std::move(from)});
  return node;
}

// The new nodes as a chain behind `reference`; what the last one is called.
std::string add_chain(const NodePlace& place, const Tree& nodes, Tree reference, const Catalog& catalog) {
  for (const Entry& e : nodes.entries) {
    Tree made = wired_to(e, reference, catalog);
    reference.text = e.key;
    place.siblings->entries.push_back({e.key, e.where, std::move(made)});
  }
  return reference.text;
}

}  // namespace

void remove_node(Tree& root, const NodePlace& place, const Position& where, const Catalog& catalog,
                 std::vector<std::string>& notes) {
  if (!place.siblings)
    throw UserError(where,
                    fmt::format("'{}' counts the iterations of its loop and cannot be removed", place.path));
  const Tree* stands_in = main_wire(*place.node, catalog);
  const bool shape_alone = takes_shape_alone(*place.node, catalog);
  const std::string main = main_output(*place.node, catalog);
  std::vector<std::string> rewired;
  for (const Reader& reader : readers_of(root, place)) {
    if (reader.tree == place.node) continue;
    for (Tree* text : texts_of(*reader.tree)) {
      if (name_in(*text) != place.name || is_after(*reader.tree, text)) continue;
      const std::string port = port_in(*text);
      if (stands_in && shape_alone)
        throw UserError(where,
                        fmt::format("'{}' cannot be removed: '{}' reads it, and '{}' cannot stand in, since "
                                    "only its shape counts there; replace it by another type that makes "
                                    "'{}', or set what '{}' reads",
                                    place.path, reader.name, stands_in->text, main, reader.name));
      if (stands_in && (port.empty() || port == main)) {
        if (rewired.empty() || rewired.back() != reader.name) rewired.push_back(reader.name);
        text->text = stands_in->text;
        text->where.origin =
            fmt::format("'{}', which stood here, is removed at {}", place.name, with_text(where));
        continue;
      }
      const std::string why =
          stands_in
              ? fmt::format("its output '{}', and only the main output has something that stands in", port)
              : "it, and it has no input that could stand in";
      throw UserError(where, fmt::format("'{}' cannot be removed: '{}' reads {}; remove or set that first",
                                         place.path, reader.name, why));
    }
    forget(*reader.tree, place.name);
  }
  if (!rewired.empty())
    notes.push_back(fmt::format("{}: removed; '{}' stands in for it in {}", place.path, stands_in->text,
                                fmt::join(rewired, ", ")));
  std::erase_if(place.siblings->entries, [&](const Entry& e) { return e.key == place.name; });
}

void insert_before(const NodePlace& place, const std::string& port, const Tree& nodes, const Position& where,
                   const Catalog& catalog) {
  refuse_taken_names(place, nodes, where);
  const std::string wanted = port.empty() ? main_input(*place.node, catalog) : port;
  Tree* in = place.node->is_map() ? place.node->find("in") : nullptr;
  Tree* wire = !in || in->is_null() ? nullptr : in->is_map() ? in->find(wanted) : in;
  const bool scalar_means_another = in && in->is_scalar() && wanted != main_input(*place.node, catalog);
  if (!wire || scalar_means_another)
    throw UserError(
        where, fmt::format("'{}' has no input '{}' that is wired; nothing can be inserted in front of it",
                           place.path, wanted));
  const Tree reference = *wire;
  const std::string name = place.name;
  Tree* siblings = place.siblings;
  const std::string last = add_chain(place, nodes, reference, catalog);
  Tree* again = siblings->find(name)->find("in");  // the map of nodes has grown, and may lie elsewhere
  (again->is_map() ? again->find(wanted) : again)->text = last;
}

void insert_after(Tree& root, const NodePlace& place, const std::string& port, const Tree& nodes,
                  const Position& where, const Catalog& catalog) {
  refuse_taken_names(place, nodes, where);
  const std::string main = main_output(*place.node, catalog);
  std::vector<Tree*> reading;
  for (const Reader& reader : readers_of(root, place))
    for (Tree* text : texts_of(*reader.tree)) {
      if (name_in(*text) != place.name || is_after(*reader.tree, text)) continue;
      const std::string read = port_in(*text).empty() ? main : port_in(*text);
      if (read == (port.empty() ? main : port)) reading.push_back(text);
    }
  const std::string last = nodes.entries.back().key;
  for (Tree* text : reading) text->text = last;
  const Tree reference = scalar(port.empty() || port == main ? place.name : place.name + "." + port, where);
  add_chain(place, nodes, reference, catalog);
}

}  // namespace dagfusion
