// One node by another one, with the same wires.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/compose/changing.h"
#include "graph/types/builtin.h"

namespace dagfusion {

namespace {

constexpr std::array<std::string_view, 7> kKept = {"in",     "after", "every",    "on_error",
                                                   "stream", "when",  "otherwise"};

const NodeType* type_named(const Tree& node, const Catalog& catalog) {
  const Tree* type = node.is_map() ? node.find("type") : nullptr;
  return type && type->is_scalar() ? catalog.find(type->text) : nullptr;
}

// A call of a model: what it takes its section says, which is not looked at here.
const NodeType& model_call() {
  static const NodeType type{.name = "model", .inputs = {{.name = kAnyName, .optional = true}}};
  return type;
}

const NodeType* type_for(const std::string& name, const Catalog& catalog) {
  for (const NodeType* ours : {&model_call(), &run_pipeline()})
    if (name == ours->name) return ours;
  return catalog.find(name);
}

bool has_input(const NodeType& type, const std::string& port) {
  return std::any_of(type.inputs.begin(), type.inputs.end(),
                     [&](const Port& p) { return p.name == port || p.name == kAnyName; });
}

void set(Tree& map, const std::string& key, const Position& where, Tree value) {
  if (Tree* there = map.find(key)) {
    *there = std::move(value);
  } else {
    map.entries.push_back({key, where, std::move(value)});
  }
}

class Replacement {
 public:
  Replacement(const Tree& old, const NodeType* from, const NodeType& to) : old_(old), from_(from), to_(to) {}

  Tree made(const Tree& by) {
    Tree node{.kind = Tree::Kind::map, .where = by.where};
    node.entries.push_back({"type", by.find("type")->where, *by.find("type")});
    for (const Entry& e : old_.entries) keep(e, by, node);
    for (const Entry& e : by.entries)
      if (e.key != "type" && !(e.key == "in" && node.find("in"))) set(node, e.key, e.where, e.value);
    return node;
  }

  std::string note(const std::string& path, const Tree& made) const {
    std::string text =
        fmt::format("{}: {} instead of {}", path, to_.name, from_ ? from_->name : "what it was");
    if (!dropped_.empty()) text += fmt::format("; dropped {}", fmt::join(dropped_, ", "));
    std::vector<std::string> needs;
    for (const Parameter& p : to_.parameters)
      if (p.required && !made.find(p.name)) needs.push_back(p.name);
    const Tree* in = made.find("in");
    const bool bundle =
        in && in->is_map() && in->find("each");  // wires what its node has, which the checker knows
    for (const Port& p : to_.inputs) {
      if (bundle) break;
      const bool wired = in && (in->is_map() ? in->find(p.name) != nullptr : &p == &to_.inputs.front());
      if (!p.optional && p.name != kAnyName && !wired) needs.push_back("in." + p.name);
    }
    if (!needs.empty()) text += fmt::format("; needs {}", fmt::join(needs, ", "));
    return text;
  }

 private:
  void keep(const Entry& e, const Tree& by, Tree& node) {
    if (e.key == "type" || e.key == "doc") return;
    if (e.key == "in") return keep_wires(e, by, node);
    const bool per_step = to_.role == Role::ordered && to_.rate == Rate::step;
    const bool kept =
        (std::find(kKept.begin(), kKept.end(), e.key) != kKept.end() && (e.key != "every" || per_step)) ||
        (e.key == "minimize" && to_.minimizes);
    if (kept)
      node.entries.push_back(e);
    else if (!by.find(e.key))
      dropped_.push_back(e.key);
  }

  void keep_wires(const Entry& e, const Tree& by, Tree& node) {
    const Tree* given = by.find("in");
    if (given && !given->is_map()) return;  // says it all
    const std::string main = to_.inputs.empty() ? "" : to_.inputs.front().name;
    Tree in{.kind = Tree::Kind::map, .where = e.value.where};
    const auto wire = [&](std::string port, const Entry& from) {
      if (from_ && !from_->inputs.empty() && port == from_->inputs.front().name && !has_input(to_, port))
        port = main;
      const bool bundle = port == "each";  // wires what the type has
      if (!bundle && (port.empty() || !has_input(to_, port)))
        dropped_.push_back("in." + from.key);
      else
        set(in, port, from.where, from.value);
    };
    if (e.value.is_map()) {
      for (const Entry& w : e.value.entries) wire(w.key, w);
    } else if (&to_ == &model_call()) {
      if (!given) node.entries.push_back(e);
      return;
    } else if (main.empty() || main == kAnyName) {
      dropped_.push_back("in");
    } else {
      in.entries.push_back({main, e.where, e.value});
    }
    if (given)
      for (const Entry& w : given->entries) set(in, w.key, w.where, w.value);
    const bool main_alone = in.entries.size() == 1 && in.entries[0].key == main;
    if (in.entries.empty()) return;
    node.entries.push_back({"in", e.where, main_alone ? in.entries[0].value : std::move(in)});
  }

  const Tree& old_;
  const NodeType* from_;
  const NodeType& to_;
  std::vector<std::string> dropped_;
};

}  // namespace

std::string main_input(const Tree& node, const Catalog& catalog) {
  const NodeType* type = type_named(node, catalog);
  return type && !type->inputs.empty() && type->inputs.front().name != kAnyName ? type->inputs.front().name
                                                                                : "";
}

void replace_node(const NodePlace& place, const Tree& by, const Position& where, const Catalog& catalog,
                  std::vector<std::string>& notes) {
  const Tree* named = by.is_map() ? by.find("type") : nullptr;
  if (!named || !named->is_scalar())
    throw UserError(by.is_map() ? where : by.where,
                    fmt::format("'{}' is replaced by what has no 'type'; a node is a map like {{type: TYPE}}",
                                place.path));
  const NodeType* to = type_for(named->text, catalog);
  if (!to) {
    std::vector<std::string> names = {model_call().name, run_pipeline().name};
    for (const NodeType& t : catalog.nodes) names.push_back(t.name);
    throw UserError(named->where, fmt::format("node '{}': no type '{}'{}", place.path, named->text,
                                              suggestion(named->text, names)));
  }
  if (!place.node->is_map() || place.node->find("loop"))
    throw UserError(
        where,
        fmt::format("'{}' is a loop, which no node can replace; its body's nodes can be, such as {}/{}",
                    place.path, place.path, "each"));
  Replacement replacement(*place.node, type_named(*place.node, catalog), *to);
  Tree made = replacement.made(by);
  notes.push_back(replacement.note(place.path, made));
  *place.node = std::move(made);
  if (place.siblings)
    for (Entry& e : place.siblings->entries)
      if (e.key == place.name) e.where = where;
}

}  // namespace dagfusion
