// The classes of the images: as the model's checkpoint names them, or the data sets of the file.
#include <fmt/format.h>

#include "graph/check/checking.h"

namespace dagfusion {

std::vector<std::string> Checking::classes_of_data(const std::string& owner, const Position& where) const {
  const CheckedNode* first = nullptr;
  std::vector<std::string> classes;
  for (const CheckedNode& n : checked.nodes) {
    const auto* data = dynamic_cast<const DataSet*>(n.node.get());
    if (!data) continue;
    std::vector<std::string> its = data->class_names();
    if (its.empty() || its == classes) continue;
    if (first)
      throw UserError(where, fmt::format("{}: {} and {} know different classes ({} and {}), and one label "
                                         "would stand for two of them",
                                         owner, owner_of(first->path, first->type->name),
                                         owner_of(n.path, n.type->name), classes.size(), its.size()));
    first = &n;
    classes = std::move(its);
  }
  return classes;
}

std::vector<std::string> Checking::known_classes(const std::string& owner, const Position& where) const {
  const bool trained_before = !checked.trained_models.empty() || options.model;
  return trained_before ? checked.classes : classes_of_data(owner, where);
}

}  // namespace dagfusion
