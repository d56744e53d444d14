// A file that says what differs from another one: extends, set, add, replace, remove, insert.
#include <fmt/format.h>

#include "graph/compose/block.h"
#include "graph/compose/change.h"
#include "graph/compose/plugins.h"
#include "graph/document/home_path.h"
#include "graph/document/near_path.h"
#include "graph/types/file_keys.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 64;  // that extend one another: each is read in a call of its own

const std::vector<std::string> kKeys = {"extends", "set",   "add",    "replace", "remove",
                                        "insert",  "sweep", "blocks", "plugins", "doc"};

// Not like refuse_other_keys of graph/types/value.h:
// a section is no misspelt key, but stands in the wrong place.
void refuse_sections_and_other_keys(const Tree& file, const Catalog& catalog) {
  const std::vector<std::string> sections = top_level_keys(catalog);
  std::vector<Fault> faults;
  for (const Entry& e : file.entries) {
    if (std::find(kKeys.begin(), kKeys.end(), e.key) != kKeys.end()) continue;
    const bool section = std::find(sections.begin(), sections.end(), e.key) != sections.end();
    faults.push_back(
        {e.where, section ? fmt::format("'{}' in a file that extends another; what differs stands below "
                                        "'set', like set: {{{}.NAME: VALUE}}",
                                        e.key, e.key)
                          : fmt::format("unknown key '{}' in a file that extends another{}", e.key,
                                        suggestion(e.key, kKeys))});
  }
  if (!faults.empty()) throw UserError(std::move(faults));
}

const Tree& needs_map(const Entry& e, const char* example) {
  if (e.value.is_map()) return e.value;
  throw UserError(e.value.where, fmt::format("'{}' must be a map, like {}", e.key, example));
}

void read_inserts(const Entry& insert, std::vector<Change>& changes) {
  constexpr const char* kExample = "insert: {after: {NODE: {NAME: {type: TYPE}}}}";
  for (const Entry& side : needs_map(insert, kExample).entries) {
    if (side.key != "before" && side.key != "after")
      throw UserError(side.where, fmt::format("unknown key '{}' below 'insert'{}", side.key,
                                              suggestion(side.key, {"before", "after"})));
    const Change::Kind kind = side.key == "before" ? Change::Kind::insert_before : Change::Kind::insert_after;
    for (const Entry& e : needs_map(side, kExample).entries)
      changes.push_back({kind, e.key, e.where, e.value});
  }
}

fs::path extended(const Tree& named) {
  if (!named.is_scalar()) throw UserError(named.where, "'extends' must be the path of a pipeline file");
  const fs::path folder = fs::path(named.where.file).parent_path(),
                 path = folder / with_home(named.text, named.where);
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  throw UserError(named.where, fmt::format("'extends' is {}, which does not exist{}", path.string(),
                                           path_suggestion(named.text, folder)));
}

// A file that stands by itself.
Composed whole(Tree file, Tree sweep) {
  for (const Entry& e : file.entries)
    if (nearest(e.key, {"extends"}))
      throw UserError(e.where, fmt::format("unknown section '{}'; did you mean 'extends'?", e.key));
  for (const char* key : {"set", "add", "replace", "remove", "insert"})
    if (const Tree* changes = file.find(key))
      throw UserError(changes->where,
                      fmt::format("'{}' says what differs from another file; 'extends' must name it", key));
  std::erase_if(file.entries, [](const Entry& e) { return e.key == "sweep"; });
  gather_plugins(file);
  gather_blocks(file);
  return {.file = std::move(file), .sweep = std::move(sweep)};
}

// The file below, remembered in `open`: one that extends itself has no end.
fs::path opened(const Tree& base, std::vector<fs::path>& open) {
  const fs::path path = extended(base);
  std::error_code ignored;
  const fs::path canonical = fs::weakly_canonical(path, ignored);
  if (std::find(open.begin(), open.end(), canonical) != open.end())
    throw UserError(base.where,
                    fmt::format("'extends' is {}, which extends this file in turn", path.string()));
  if (open.size() >= kMostFiles)
    throw UserError(base.where, fmt::format("'extends' is {}, file {} of a chain; at most {} can extend one "
                                            "another",
                                            path.string(), open.size() + 1, kMostFiles));
  open.push_back(canonical);
  return path;
}

// The plugins and blocks of a file, beside those of the one below.
void add_own_types(Tree& below, Tree& file) {
  gather_plugins(file);
  inherit_plugins(below, file);
  if (!file.find("blocks")) return;
  gather_blocks(file);
  const Tree& blocks = *file.find("blocks");
  if (Tree* all = below.find("blocks"))
    all->entries.insert(all->entries.end(), blocks.entries.begin(), blocks.entries.end());
  else
    below.entries.push_back({"blocks", blocks.where, blocks});
}

void apply_changes(const Tree& file, const Catalog& catalog, Composed& made) {
  const Catalog types = with_own_types(catalog, made.file);
  std::vector<Fault> faults;
  for (const Change& change : read_changes(file)) {
    try {
      apply(made.file, change, types, made.notes);
    } catch (const UserError& e) {
      faults.insert(faults.end(), e.faults().begin(), e.faults().end());
    }
  }
  if (!faults.empty()) throw UserError(std::move(faults));
}

Composed compose(Tree file, const Catalog& catalog, std::vector<fs::path>& open) {
  const Tree* sweep = file.find("sweep");
  const Tree* base = file.is_map() ? file.find("extends") : nullptr;
  if (!base) return whole(file, sweep ? *sweep : Tree{});
  refuse_sections_and_other_keys(file, catalog);
  Composed made = compose(read_document(opened(*base, open)), catalog, open);
  if (sweep) made.sweep = *sweep;
  add_own_types(made.file, file);
  apply_changes(file, catalog, made);
  return made;
}

}  // namespace

std::vector<Change> read_changes(const Tree& map) {
  std::vector<Change> changes;
  for (const Entry& e : map.entries) {
    if (e.key == "set")
      for (const Entry& s : needs_map(e, "set: {run.steps: 100}").entries)
        changes.push_back({Change::Kind::set, s.key, s.where, s.value});
    if (e.key == "add")
      for (const Entry& a : needs_map(e, "add: {nodes.NAME: {type: TYPE}}").entries)
        changes.push_back({Change::Kind::add, a.key, a.where, a.value});
    if (e.key == "replace")
      for (const Entry& r : needs_map(e, "replace: {NODE: {type: TYPE}}").entries)
        changes.push_back({Change::Kind::replace, r.key, r.where, r.value});
    if (e.key == "insert") read_inserts(e, changes);
    if (e.key != "remove") continue;
    if (!e.value.is_list()) throw UserError(e.value.where, "'remove' must be a list, like remove: [flipped]");
    for (const Tree& r : e.value.items) {
      if (!r.is_scalar()) throw UserError(r.where, "'remove' lists paths, like remove: [flipped]");
      changes.push_back({Change::Kind::remove, r.text, r.where, {}});
    }
  }
  return changes;
}

Composed compose(Tree file, const Catalog& catalog) {
  std::vector<fs::path> open;
  std::error_code ignored;
  open.push_back(fs::weakly_canonical(file.where.file, ignored));
  return compose(std::move(file), catalog, open);
}

Composed compose(const fs::path& path, const Catalog& catalog) {
  return compose(read_document(path), catalog);
}

}  // namespace dagfusion
