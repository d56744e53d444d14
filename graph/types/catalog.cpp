#include "graph/types/catalog.h"

namespace dagfusion {

bool only_writes_out(const NodeType& type) {
  const bool changes_resources = type.rate == Rate::step && type.phase == Phase::write;
  return type.role == Role::ordered && type.outputs.empty() && !changes_resources;
}

const NodeType* Catalog::find(const std::string& name) const {
  for (const NodeType& type : nodes)
    if (type.name == name) return &type;
  return nullptr;
}

const SectionType* Catalog::section(const std::string& name) const {
  for (const SectionType& type : sections)
    if (type.name == name) return &type;
  return nullptr;
}

std::vector<std::string> Catalog::names(const std::function<bool(const NodeType&)>& is) const {
  std::vector<std::string> found;
  for (const NodeType& type : nodes)
    if (is(type)) found.push_back(type.name);
  return found;
}

}  // namespace dagfusion
