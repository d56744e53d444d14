// Paths and values of overrides, from the pipeline itself and from what its types declare.
#include <algorithm>
#include <iterator>
#include <map>
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
  if (place.type && !written.count("type")) found.push_back(prefix + "type=");
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

const Tree* below(const Tree* map, const std::string& key) {
  return map && map->is_map() ? map->find(key) : nullptr;
}

// The map of the file for "denoise/prev", in the body of a loop. Null: only a composite knows the node.
const Tree* written_in_a_loop(const Tree& file, const std::string& path) {
  const std::size_t slash = path.find('/');
  const Tree* loop = below(below(below(&file, "nodes"), path.substr(0, slash)), "loop");
  const std::string name = path.substr(slash + 1);
  const Tree* node = below(below(loop, "nodes"), name);
  return node ? node : name == "each" ? below(loop, name) : nullptr;
}

bool calls_model(const Tree* node) {
  const Tree* type = below(node, "type");
  return type && type->text == "model";
}

// As overrides name it: what is inside the model by the section, not by the node that calls it. Empty: they cannot.
std::string named_inside(const std::string& path, const Tree& file) {
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) return "";
  const std::string inside = path.substr(slash);
  const bool is_written = below(below(&file, "model"), "type");  // else the model is that of a checkpoint
  if (calls_model(below(below(&file, "nodes"), path.substr(0, slash))))
    return is_written ? "model" + inside : "";
  const std::size_t second = path.find('/', slash + 1);
  if (second != std::string::npos && calls_model(written_in_a_loop(file, path.substr(0, second))))
    return is_written ? "model" + path.substr(second) : "";
  return path;
}

// The nodes and composites that only composites and loops know, with the type of each.
std::map<std::string, const NodeType*> all_inside(const Tree& file, const Checked& checked) {
  std::map<std::string, const NodeType*> found;
  for (const CheckedNode& node : checked.nodes) found[named_inside(node.path, file)] = node.type;
  for (const Expanded& composite : checked.composites)
    found[named_inside(composite.path, file)] = composite.type;
  found.erase("");
  return found;
}

// "model/mid/a" -> "model/mid/attention/", "model/mid/attention/q" -> "model/mid/attention/qkv."
Candidates next_level(const std::map<std::string, const NodeType*>& inside, const std::string& typed) {
  Candidates found;
  for (const auto& [path, type] : inside) {
    if (!path.starts_with(typed)) continue;
    const std::size_t end = path.find('/', typed.size());
    found.push_back(end == std::string::npos ? path + "." : path.substr(0, end + 1));
  }
  return found;
}

// "model/mid/attention.heads=": level by level, then keys, then values.
Candidates inside_candidates(const std::filesystem::path& pipeline, const std::string& typed) {
  const Invocation request{.file = pipeline};
  const Tree file = read_file(request);
  const Checked checked = plan_file(request).checked;
  const std::map<std::string, const NodeType*> inside = all_inside(file, checked);
  const std::size_t dot = typed.find('.'), equals = typed.find('=');
  if (dot == std::string::npos) return next_level(inside, typed);
  const std::string path = typed.substr(0, dot);
  const auto node = inside.find(path);
  if (node == inside.end()) return {};
  const WrittenMap place{
      .tree = written_in_a_loop(file, path), .declared = node->second->parameters, .type = node->second};
  if (equals == std::string::npos) return keys_of(place, path + ".");
  Candidates found =
      values_of(place, typed.substr(dot + 1, equals - dot - 1), typed.substr(equals + 1), *checked.types);
  for (std::string& value : found) value.insert(0, typed, 0, equals + 1);
  return found;
}

// What a slash follows: the model, loops and composites of the file.
Candidates with_something_inside(const Tree& file, const Catalog& types) {
  Candidates found;
  if (below(below(&file, "model"), "type")) found.push_back("model/");
  const Tree* nodes = file.find("nodes");
  if (!nodes || !nodes->is_map()) return found;
  for (const Entry& e : nodes->entries) {
    const NodeType* type = type_of(e.value, types);
    const bool is_composite = type && type->role == Role::composite && !type->minimizes;
    if (below(&e.value, "loop") || is_composite) found.push_back(e.key + "/");
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
    if (path.find('/') != std::string::npos) return inside_candidates(pipeline, typed);
    const Tree file = compose(find_pipeline(pipeline), TypedPlugins{}).file;
    const Catalog types = with_own_types(catalog(), file);
    std::string last;
    const WrittenMap place = place_of(file, split(path, last), types);
    const std::string prefix = path.substr(0, path.size() - last.size());
    if (equals == std::string::npos) {
      Candidates found = keys_of(place, prefix);
      if (prefix.empty()) std::ranges::move(with_something_inside(file, types), std::back_inserter(found));
      return found;
    }
    Candidates found = values_of(place, last, typed.substr(equals + 1), types);
    for (std::string& value : found) value.insert(0, typed, 0, equals + 1);
    return found;
  } catch (const std::exception&) {  // a file with a mistake: nothing to propose
    return {};
  }
}

}  // namespace dagfusion
