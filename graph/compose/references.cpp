#include "graph/compose/references.h"

namespace dagfusion {

namespace {

void references(Tree& tree, std::vector<Tree*>& found) {
  if (tree.is_scalar()) found.push_back(&tree);
  for (Tree& item : tree.items) references(item, found);
  for (Entry& e : tree.entries) references(e.value, found);
}

}  // namespace

std::string name_in(const Tree& reference) { return reference.text.substr(0, reference.text.find('.')); }

std::string port_in(const Tree& reference) {
  const std::size_t dot = reference.text.find('.');
  return dot == std::string::npos ? "" : reference.text.substr(dot + 1);
}

std::vector<Tree*> references_of(Tree& node) {
  std::vector<Tree*> found;
  if (!node.is_map()) return found;
  Tree* type = node.find("type");
  for (const char* key : {"in", "after", "minimize", "when", "otherwise"})
    if (Tree* t = node.find(key)) references(*t, found);
  if (Tree* model = node.find("model"); model && type && type->text == "run_pipeline") found.push_back(model);
  Tree* loop = node.find("loop");
  if (!loop || !loop->is_map()) return found;
  if (Tree* carry = loop->find("carry")) references(*carry, found);
  // Inside, names of the body hide those out here.
  std::vector<Tree*> inside;
  for (const char* key : {"next", "collect"})
    if (Tree* t = loop->find(key)) references(*t, inside);
  if (Tree* each = loop->find("each"))
    for (Tree* t : references_of(*each)) inside.push_back(t);
  Tree* body = loop->find("nodes");
  if (body)
    for (Entry& e : body->entries)
      for (Tree* t : references_of(e.value)) inside.push_back(t);
  for (Tree* t : inside)
    if (!body || !body->find(name_in(*t))) found.push_back(t);
  return found;
}

std::vector<const Tree*> references_of(const Tree& node) {
  const std::vector<Tree*> found = references_of(const_cast<Tree&>(node));  // which changes nothing
  return {found.begin(), found.end()};
}

}  // namespace dagfusion
