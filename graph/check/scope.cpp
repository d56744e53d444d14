// The nodes of one map: found by name, put into an order that respects every edge, and checked one by one.
#include <fmt/format.h>

#include <cctype>

#include "graph/check/checking.h"
#include "graph/compose/references.h"

namespace dagfusion {

namespace {

bool good_name(const std::string& name) {
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])))) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

}  // namespace

const Named* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope; scope = scope->parent)
    if (const auto found = scope->names.find(name); found != scope->names.end()) return &found->second;
  return nullptr;
}

std::vector<std::string> Scope::visible() const {
  std::vector<std::string> all;
  for (const Scope* scope = this; scope; scope = scope->parent)
    for (const auto& [name, named] : scope->names) all.push_back(name);
  return all;
}

// Depth first in the order of the file:
// a node comes as early as its inputs allow, and the order never varies.
std::vector<const Entry*> Checking::in_order(const Tree& nodes, const std::string& prefix) {
  std::map<std::string, const Entry*> by_name;
  for (const Entry& e : nodes.entries) by_name.emplace(e.key, &e);
  enum class State { unseen, open, done };
  std::map<std::string, State> state;
  std::vector<const Entry*> order;
  std::vector<const Entry*> stack;
  const std::function<bool(const Entry&)> visit = [&](const Entry& e) {
    State& s = state[e.key];
    if (s == State::done) return true;
    if (s == State::open) {
      std::string cycle;
      auto from = std::find(stack.begin(), stack.end(), &e);
      for (; from != stack.end(); ++from) cycle += prefix + (*from)->key + " <- ";
      fault(e.where, fmt::format("the nodes form a cycle: {}{}{}; only a loop can lead values back", cycle,
                                 prefix, e.key));
      return false;
    }
    s = State::open;
    stack.push_back(&e);
    for (const Tree* reference : references_of(e.value)) {
      const auto target = by_name.find(name_in(*reference));
      if (target == by_name.end()) continue;
      if (!visit(*target->second)) return false;
    }
    stack.pop_back();
    state[e.key] = State::done;
    order.push_back(&e);
    return true;
  };
  for (const Entry& e : nodes.entries)
    if (!visit(e)) return {};
  return order;
}

void Checking::check_nodes(const Tree& nodes, Scope& scope, const std::string& prefix) {
  for (const Entry& e : nodes.entries)
    if (!good_name(e.key) || e.key == "carry" || e.key == "each")
      fault(e.where, fmt::format("'{}' cannot name a node; names are letters, digits and _, start with a "
                                 "letter, and are not carry or each",
                                 e.key));
  for (const Entry& e : nodes.entries)
    if (const Tree* doc = e.value.find("doc")) read_key(*doc, kDoc, fmt::format("node '{}'", prefix + e.key));
  for (const Entry* e : in_order(nodes, prefix)) {
    Named named;
    if (!guarded([&] { named = check_entry(*e, scope, prefix); })) named.broken = true;
    scope.names.insert_or_assign(e->key, std::move(named));
  }
}

}  // namespace dagfusion
