#include "graph/compose/block.h"

#include <fmt/format.h>

#include "graph/compose/plugins.h"
#include "graph/document/near_path.h"

namespace dagfusion {

void gather_blocks(Tree& file) {
  Tree* blocks = file.is_map() ? file.find("blocks") : nullptr;
  if (!blocks || blocks->is_map()) return;
  if (!blocks->is_list())
    throw UserError(
        blocks->where,
        "'blocks' must be a list of files, like [blocks/gated_block.yaml], or a map of definitions");
  Tree map{.kind = Tree::Kind::map, .where = blocks->where};
  for (const Tree& item : blocks->items) {
    if (!item.is_scalar()) throw UserError(item.where, "'blocks' lists files, like blocks/gated_block.yaml");
    const std::filesystem::path folder = std::filesystem::path(item.where.file).parent_path();
    const std::filesystem::path path = folder / item.text;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      throw UserError(item.where, fmt::format("'blocks' names {}, which does not exist{}", path.string(),
                                              path_suggestion(item.text, folder)));
    const std::string name = path.stem().string();
    if (map.find(name))
      throw UserError(item.where, fmt::format("'blocks' has two files for the type '{}'", name));
    map.entries.push_back({name, item.where, read_document(path)});
  }
  *blocks = std::move(map);
}

Catalog with_own_types(const Catalog& catalog, const Tree& file) {
  Catalog all = catalog;
  std::vector<Fault> faults;
  add_plugins(all, file, faults);
  static const Tree none;
  const Tree* blocks = file.is_map() ? file.find("blocks") : nullptr;
  for (const Entry& e : (blocks ? *blocks : none).entries) {  // those before can stand in those behind
    try {
      if (all.find(e.key))
        throw UserError(e.where, fmt::format("block '{}': there is a node type of that name", e.key));
      all.nodes.push_back(read_block(e.key, e.value, all));
    } catch (const UserError& error) {
      faults.insert(faults.end(), error.faults().begin(), error.faults().end());
    }
  }
  if (!faults.empty()) throw UserError(std::move(faults));
  return all;
}

}  // namespace dagfusion
