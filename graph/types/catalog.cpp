#include "graph/types/catalog.h"

namespace dagfusion {

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

}  // namespace dagfusion
