#include "graph/compose/block_expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/compose/references.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

// The parameters' values and the inputs' shapes, as variables of the nodes.
Tree with_variables(const BlockNodes& block, const Builder& b) {
  const Position& where = block.nodes->where;
  Tree vars{.kind = Tree::Kind::map, .where = where};
  for (const Parameter& p : block.parameters)
    vars.entries.push_back({p.name, where, tree_of(b.parameters().setting(p.name), where)});
  for (const Port& p : block.inputs) {
    if (!b.has_input(p.name) || b.spec(b.input(p.name)).shape.size() != 4) continue;
    const Shape& shape = b.spec(b.input(p.name)).shape;
    constexpr std::array<const char*, 3> kSides = {"channels", "height", "width"};
    for (std::size_t i = 0; i < kSides.size(); ++i)
      vars.entries.push_back({fmt::format("{}_{}", p.name, kSides[i]), where, tree_of(shape[i + 1], where)});
  }
  Tree root{.kind = Tree::Kind::map, .where = where};
  root.entries.push_back({"vars", where, std::move(vars)});
  root.entries.push_back({"nodes", where, *block.nodes});
  substitute_variables(root);
  return std::move(*root.find("nodes"));
}

class Expansion {
 public:
  Expansion(const BlockNodes& block, Builder& b)
      : b_(b), owner_(block.owner), nodes_(with_variables(block, b)) {}

  // What a reference names: an output of a node, which is added when that has not been done, or an input.
  Wire wire(const Tree& reference) {
    const std::string name = name_in(reference), port = port_in(reference);
    const Wire main = nodes_.find(name) ? node(name, reference.where) : b_.input(name);
    return port.empty() || b_.broken(main) ? main : b_.port(main, port);
  }

 private:
  Wire node(const std::string& name, const Position& where) {
    if (const auto done = made_.find(name); done != made_.end()) return done->second;
    if (std::find(open_.begin(), open_.end(), name) != open_.end())
      throw UserError(where, fmt::format("{}: node '{}' needs itself; a block has no loops", owner_, name));
    open_.push_back(name);
    const Tree& entry = *nodes_.find(name);
    std::map<std::string, Wire> in = inputs(entry);
    Tree settings{.kind = Tree::Kind::map, .where = entry.where};
    for (const Entry& e : entry.entries)
      if (e.key != "type" && e.key != "in" && e.key != "doc") settings.entries.push_back(e);
    open_.pop_back();
    return made_[name] = b_.add(name, entry.find("type")->text, in, settings);
  }

  std::map<std::string, Wire> inputs(const Tree& entry) {
    std::map<std::string, Wire> in;
    const Tree* wired = entry.find("in");
    if (wired && wired->is_map()) {
      for (const Entry& w : wired->entries) in[w.key] = wire(w.value);
    } else if (wired) {
      in[""] = wire(*wired);  // the main input
    }
    return in;
  }

  Builder& b_;
  const std::string& owner_;
  const Tree nodes_;
  std::map<std::string, Wire> made_;
  std::vector<std::string> open_;  // nodes whose inputs are being looked at
};

}  // namespace

void expand(const BlockNodes& block, Builder& b) {
  Expansion expansion(block, b);
  for (const Entry& output : block.outputs) b.output(output.key, expansion.wire(output.value));
}

}  // namespace dagfusion
