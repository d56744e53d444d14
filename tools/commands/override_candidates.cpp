// Paths and values of overrides, from the pipeline itself and from what its types declare.
#include <algorithm>
#include <set>

#include "graph/compose/block.h"
#include "graph/types/builtin.h"
#include "graph/types/file_keys.h"
#include "nodes/catalog.h"
#include "tools/commands/candidates.h"
#include "tools/launch/launch.h"
#include "tools/show/description.h"

namespace dagfusion {

namespace {

const NodeType* type_of(const Tree& node, const Catalog& types) {
  const Tree* named = node.is_map() ? node.find("type") : nullptr;
  if (!named || !named->is_scalar()) return nullptr;
  return named->text == run_pipeline().name ? &run_pipeline() : types.find(named->text);
}

// A map of the file, by the keys above it; what its keys are declared as.
struct WrittenMap {
  const Tree* tree = nullptr;  // null: nothing is written there
  std::vector<Parameter> declared;
  const NodeType* type = nullptr;  // of a node
};

WrittenMap place_of(const Tree& file, const std::vector<std::string>& keys, const Catalog& types) {
  WrittenMap place{.tree = &file, .declared = {}};
  for (const std::string& key : keys)
    place.tree = place.tree && place.tree->is_map() ? place.tree->find(key) : nullptr;
  if (keys.empty()) return place;
  if (keys.size() == 1 && keys[0] == "run") place.declared = run_parameters();
  if (const SectionType* section = types.section(keys[0]); section && keys.size() == 1)
    place.declared = section->parameters;
  if (place.tree) place.type = type_of(*place.tree, types);
  if (place.type) place.declared = place.type->parameters;
  return place;
}

// "nodes.loss.ty" -> {"nodes", "loss"} and "ty"
std::vector<std::string> split(const std::string& path, std::string& last) {
  std::vector<std::string> keys;
  std::size_t begin = 0;
  for (std::size_t dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1)
    keys.push_back(path.substr(begin, dot - begin));
  last = path.substr(begin);
  return keys;
}

Candidates keys_of(const WrittenMap& place, const std::string& prefix) {
  Candidates found;
  std::set<std::string> written;
  if (place.tree && place.tree->is_map())
    for (const Entry& e : place.tree->entries) {
      written.insert(e.key);
      if (e.key != "doc") found.push_back(prefix + e.key + (e.value.is_map() ? "." : "="));
    }
  if (prefix.empty() && written.count("model")) found.push_back("model/");
  for (const Parameter& p : place.declared)
    if (!written.count(p.name)) found.push_back(prefix + p.name + (p.kind == Kind::map ? "." : "="));
  return found;
}

Candidates types_for(const WrittenMap& place, const Catalog& types) {
  if (!place.type) return {};
  Candidates found = replacements(*place.type, types);
  found.push_back(place.type->name);
  return found;
}

Candidates values_of(const WrittenMap& place, const std::string& key, const std::string& typed,
                     const Catalog& types) {
  if (key == "type") return types_for(place, types);
  const auto declared = std::find_if(place.declared.begin(), place.declared.end(),
                                     [&](const Parameter& p) { return p.name == key; });
  const bool known = declared != place.declared.end();
  if (known && (declared->kind == Kind::boolean || !declared->choices.empty()))
    return value_candidates(*declared, typed);
  const Tree* now = place.tree && place.tree->is_map() ? place.tree->find(key) : nullptr;
  if (now && now->is_scalar() && typed.empty()) return {now->text};  // to be edited
  const bool may_be_a_file = !known || declared->kind == Kind::text;
  return may_be_a_file ? file_candidates(typed, [](const std::filesystem::path&) { return true; })
                       : Candidates{};
}

// As overrides name it: what is inside the model by the section, not by the node that calls it.
std::string named_inside(const CheckedNode& node, const Tree& file) {
  const std::size_t slash = node.path.find('/');
  if (slash == std::string::npos) return "";
  const Tree* nodes = file.find("nodes");
  const Tree* top = nodes ? nodes->find(node.path.substr(0, slash)) : nullptr;
  const Tree* type = top && top->is_map() ? top->find("type") : nullptr;
  return type && type->text == "model" ? "model" + node.path.substr(slash) : node.path;
}

// "model/mid/attention.heads": nodes that only composites and loops know, level by level, and their parameters.
Candidates inside_candidates(const std::filesystem::path& pipeline, const std::string& typed) {
  const Invocation request{.file = pipeline};
  const Tree file = read_file(request);
  const Checked checked = plan_file(request).checked;
  const std::size_t dot = typed.find('.');
  const std::string path = typed.substr(0, dot);
  Candidates found;
  for (const CheckedNode& node : checked.nodes) {
    const std::string named = named_inside(node, file);
    if (dot != std::string::npos && named == path) {
      for (const Parameter& p : node.type->parameters) found.push_back(path + "." + p.name + "=");
    } else if (dot == std::string::npos && named.starts_with(path)) {
      const std::size_t end = named.find('/', path.size());
      found.push_back(end == std::string::npos ? named + "." : named.substr(0, end + 1));
    }
  }
  return found;
}

}  // namespace

Candidates value_candidates(const Parameter& p, const std::string& typed) {
  if (p.kind == Kind::boolean) return {"true", "false"};
  if (p.kind == Kind::text && p.choices.empty())
    return file_candidates(typed, [](const std::filesystem::path&) { return true; });
  return p.choices;
}

Candidates override_candidates(const std::filesystem::path& pipeline, const std::string& typed) {
  try {
    const std::size_t equals = typed.find('=');
    const std::string path = typed.substr(0, equals);
    if (path.find('/') != std::string::npos && equals == std::string::npos)
      return inside_candidates(pipeline, typed);
    const Tree file = compose(find_pipeline(pipeline), TypedPlugins{}).file;
    const Catalog types = with_own_types(catalog(), file);
    std::string last;
    const WrittenMap place = place_of(file, split(path, last), types);
    const std::string prefix = path.substr(0, path.size() - last.size());
    if (equals == std::string::npos) return keys_of(place, prefix);
    Candidates found = values_of(place, last, typed.substr(equals + 1), types);
    for (std::string& value : found) value.insert(0, typed, 0, equals + 1);
    return found;
  } catch (const std::exception&) {  // a file with a mistake: nothing to propose
    return {};
  }
}

}  // namespace dagfusion
