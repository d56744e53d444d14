#include "tools/launch/typed_plugins.h"

#include "graph/compose/block.h"
#include "nodes/catalog.h"

namespace dagfusion {

namespace {

const std::string kOption = "--plugin ";

}  // namespace

void TypedPlugins::add_to(Tree& pipeline) const {
  if (files.empty() || !pipeline.is_map()) return;
  if (!pipeline.find("plugins"))
    pipeline.entries.insert(pipeline.entries.begin(),
                            Entry{"plugins", {"command line"}, {.kind = Tree::Kind::list}});
  Tree& all = *pipeline.find("plugins");
  if (all.is_null()) all.kind = Tree::Kind::list;
  if (!all.is_list()) return;  // a fault, reported by the function that reads it
  for (const std::string& file : files)
    all.items.push_back(scalar(
        file,
        {.file = "command line", .column = static_cast<int>(kOption.size()) + 1, .text = kOption + file}));
}

Catalog TypedPlugins::types() const {
  if (!of.empty()) return with_own_types(catalog(), compose(of, *this).file);
  Tree none{.kind = Tree::Kind::map, .where = {"command line"}};
  add_to(none);
  return with_own_types(catalog(), none);
}

Composed compose(const std::filesystem::path& path, const TypedPlugins& plugins) {
  Tree file = read_document(path);
  plugins.add_to(file);
  return compose(std::move(file), catalog());
}

}  // namespace dagfusion
