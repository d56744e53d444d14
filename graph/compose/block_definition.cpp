// What a user's definition of a block says, read and checked as far as can be done without its inputs.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "graph/compose/block.h"
#include "graph/compose/block_expansion.h"
#include "graph/compose/inside.h"
#include "graph/compose/references.h"
#include "graph/types/port.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

constexpr std::array<Kind, 8> kKinds = {Kind::integer, Kind::real,     Kind::boolean, Kind::text,
                                        Kind::choice,  Kind::integers, Kind::reals,   Kind::texts};

// What the maps of a definition may hold, read like the parameters of a node.
const std::vector<Parameter> kParameterKeys = {
    {.name = "kind",
     .kind = Kind::choice,
     .doc = "of the value",
     .required = true,
     .choices = {"integer", "real", "boolean", "text", "choice", "integers", "reals", "texts"}},
    {.name = "doc", .kind = Kind::text, .doc = "what it is for", .required = true},
    {.name = "minimum", .kind = Kind::real, .doc = "smallest value"},
    {.name = "maximum", .kind = Kind::real, .doc = "largest value"},
    {.name = "choices", .kind = Kind::texts, .doc = "of a choice"}};
const std::vector<Parameter> kInputKeys = {
    {.name = "shape", .kind = Kind::text, .doc = "like [N,C,H,W] act blocked", .required = true},
    {.name = "doc", .kind = Kind::text, .doc = "what it is", .standard = std::string()},
    {.name = "optional", .kind = Kind::boolean, .doc = "need not be wired", .standard = false}};

class Definition {
 public:
  Definition(std::string name, const Tree& tree, const Catalog& catalog)
      : name_(std::move(name)), owner_(fmt::format("block '{}'", name_)), tree_(tree), catalog_(catalog) {}

  NodeType type() {
    type_ = {.name = name_, .role = Role::composite};
    if (!tree_.is_map()) fail(tree_.where, "must be a map with inputs, outputs, parameters and nodes");
    meant_ = refuse_other_keys(tree_, {"doc", "stands_for", "inputs", "outputs", "parameters", "nodes"},
                               owner_, faults_);
    if (const Tree* doc = tree_.find("doc"); doc && doc->is_scalar()) type_.summary = doc->text;
    if (const Tree* roles = tree_.find("stands_for")) read_roles(*roles);
    for (const Entry& e : map("inputs").entries) read_input(e);
    if (const Tree* parameters = tree_.find("parameters"))
      for (const Entry& e : is_map(*parameters, "parameters").entries) read_parameter(e);
    nodes_ = map("nodes");
    for (const Entry& e : map("outputs").entries) read_output(e);
    check_nodes();
    if (!faults_.empty()) throw UserError(std::move(faults_));
    type_.expand = [block = BlockNodes{.owner = owner_,
                                       .inputs = type_.inputs,
                                       .parameters = type_.parameters,
                                       .nodes = std::make_shared<const Tree>(std::move(nodes_)),
                                       .outputs = std::move(outputs_)}](Builder& b) { expand(block, b); };
    return type_;
  }

 private:
  [[noreturn]] void fail(const Position& where, const std::string& what) {
    fault(where, what);
    throw UserError(std::move(faults_));
  }
  void fault(const Position& where, const std::string& what) {
    faults_.push_back({where, fmt::format("{}: {}", owner_, what)});
  }

  const Tree& is_map(const Tree& tree, const char* key) {
    if (!tree.is_map()) fail(tree.where, fmt::format("'{}' must be a map", key));
    return tree;
  }
  const Tree& map(const char* key) {
    const Tree* found = tree_.find(key);
    if (!found && std::find(meant_.begin(), meant_.end(), key) != meant_.end())
      throw UserError(std::move(faults_));  // that it is missing is reported already
    if (!found) fail(tree_.where, fmt::format("'{}' is missing", key));
    return is_map(*found, key);
  }

  void read_roles(const Tree& roles) {
    std::set<std::string> known;
    for (const NodeType& other : catalog_.nodes)
      known.insert(other.stands_for.begin(), other.stands_for.end());
    if (!roles.is_list())
      return fault(roles.where, fmt::format("'stands_for' must be a list, like [{}]",
                                            known.empty() ? "ROLE" : *known.begin()));
    for (const Tree& role : roles.items) {
      if (!role.is_scalar() || !known.contains(role.text))
        fault(role.where, fmt::format("'stands_for' is {}, which is not the role of any type{}",
                                      described(role), suggestion(role.text, {known.begin(), known.end()})));
      type_.stands_for.push_back(role.text);
    }
  }

  void read_input(const Entry& e) {
    Tree given = e.value;
    if (given.is_scalar()) {  // the shape alone
      given = Tree{.kind = Tree::Kind::map, .where = e.value.where};
      given.entries.push_back({"shape", e.where, e.value});
    }
    const std::size_t before = faults_.size();
    const Parameters p =
        Parameters::read(given, kInputKeys, {}, fmt::format("{}: input '{}'", owner_, e.key), faults_);
    if (faults_.size() != before) return;
    try {
      parse_port(p.text("shape"));
    } catch (const std::logic_error& wrong) {
      return fault(e.value.where, fmt::format("input '{}': {}", e.key, wrong.what()));
    }
    type_.inputs.push_back({e.key, p.text("shape"), p.text("doc"), p.flag("optional")});
  }

  void read_parameter(const Entry& e) {
    const std::size_t before = faults_.size();
    const std::string owner = fmt::format("{}: parameter '{}'", owner_, e.key);
    const Parameters p = Parameters::read(e.value, kParameterKeys, {"default"}, owner, faults_);
    if (faults_.size() != before) return;
    Parameter made{.name = e.key, .doc = p.text("doc")};
    for (const Kind kind : kKinds)
      if (name_of(kind) == p.text("kind")) made.kind = kind;
    if (p.has("minimum")) made.minimum = p.real("minimum");
    if (p.has("maximum")) made.maximum = p.real("maximum");
    if (p.has("choices") && made.kind == Kind::choice) made.choices = p.texts("choices");
    const Tree* standard = e.value.find("default");
    made.required = !standard;
    try {
      if (standard) made.standard = read_value(*standard, made);
    } catch (const UserError& wrong) {
      for (const Fault& f : wrong.faults())
        faults_.push_back({f.where, fmt::format("{}: {}", owner, f.message)});
    }
    type_.parameters.push_back(std::move(made));
  }

  bool is_input(const std::string& name) const {
    return std::any_of(type_.inputs.begin(), type_.inputs.end(),
                       [&](const Port& p) { return p.name == name; });
  }

  void check_reference(const Tree& reference, const std::string& whose) {
    if (!reference.is_scalar())
      return fault(reference.where, fmt::format("{} must name a node or an input", whose));
    const std::string name = name_in(reference);
    if (nodes_.find(name) || is_input(name)) return;
    std::vector<std::string> names = nodes_.keys();
    for (const Port& p : type_.inputs) names.push_back(p.name);
    fault(reference.where, fmt::format("{} is '{}', and there is no node or input '{}'{}", whose,
                                       reference.text, name, suggestion(name, names)));
  }

  void read_output(const Entry& e) {
    check_reference(e.value, fmt::format("output '{}'", e.key));
    type_.outputs.push_back({e.key, "[...] any", ""});
    outputs_.push_back(e);
  }

  void check_nodes() {
    for (const Entry& e : nodes_.entries) {
      const Tree* type = e.value.is_map() ? e.value.find("type") : nullptr;
      if (!type || !type->is_scalar()) {
        fault(e.where, fmt::format("node '{}' lacks the key 'type'", e.key));
        continue;
      }
      if (is_input(e.key)) fault(e.where, fmt::format("'{}' names a node and an input", e.key));
      for (const char* key : {"after", "every", "when", "otherwise", "stream", "loop", "minimize"})
        if (const Tree* found = e.value.find(key))
          fault(found->where,
                fmt::format("node '{}': '{}' has no place in a block, which is for maps", e.key, key));
      if (type->text.find("${") == std::string::npos) check_type(*type, e.key);
      if (const Tree* in = e.value.find("in"); in && in->is_map()) {
        for (const Entry& w : in->entries)
          check_reference(w.value, fmt::format("node '{}': input '{}'", e.key, w.key));
      } else if (in) {
        check_reference(*in, fmt::format("node '{}': 'in'", e.key));
      }
    }
  }

  void check_type(const Tree& named, const std::string& node) {
    const NodeType* type = catalog_.find(named.text);
    if (type && stands_inside(*type)) return;
    fault(named.where, fmt::format("node '{}': {}", node, why_not_inside(named, catalog_)));
  }

  const std::string name_, owner_;
  const Tree& tree_;
  const Catalog& catalog_;
  NodeType type_;
  Tree nodes_;
  std::vector<Entry> outputs_;
  std::vector<Fault> faults_;
  std::vector<std::string> meant_;  // by misspelt keys
};

}  // namespace

NodeType read_block(const std::string& name, const Tree& definition, const Catalog& catalog) {
  return Definition(name, definition, catalog).type();
}

}  // namespace dagfusion
