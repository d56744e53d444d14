#include "graph/compose/plugins.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>

#include "graph/compose/shared_library.h"
#include "graph/document/home_path.h"
#include "graph/document/near_path.h"
#include "graph/plugin.h"
#include "graph/types/file_keys.h"
#include "graph/types/port.h"
#include "graph/values/open_file.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTaken = "there is one of that name already";

[[noreturn]] void refuse(const Tree& item, const fs::path& path, const std::string& why) {
  throw UserError(item.where, fmt::format("'plugins' names {}, which {}", path.string(), why));
}

// Beside the file that names it, else by its name in the directories of DAGFUSION_PLUGINS.
fs::path find_library(const Tree& item) {
  const fs::path folder = fs::path(item.where.file).parent_path(),
                 beside = folder / with_home(item.text, item.where);
  std::error_code ignored;
  if (fs::exists(beside, ignored)) return beside;
  const char* set = std::getenv("DAGFUSION_PLUGINS");
  std::istringstream directories(set ? set : "");
  for (std::string directory; std::getline(directories, directory, ':');)
    if (const fs::path there = fs::path(directory) / beside.filename();
        !directory.empty() && fs::exists(there, ignored))
      return there;
  const bool variable = item.text.find("${") != std::string::npos;
  refuse(item, beside,
         fmt::format("does not exist{}{}", set ? ", nor does DAGFUSION_PLUGINS have it" : "",
                     variable ? "; plugins are loaded before variables are put in"
                              : path_suggestion(item.text, folder)));
}

std::string bytes_of(const Tree& item, const fs::path& path) {
  if (fs::is_directory(path)) refuse(item, path, "is a directory");
  std::ifstream file = open_file(path);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (!file.is_open() || file.bad()) refuse(item, path, "cannot be read");
  return bytes;
}

// dlerror() without the path, and with names as they stand in sources.
std::string loader_message(const fs::path& path) {
  std::string text = dlerror();
  if (const std::string prefix = path.string() + ": "; text.starts_with(prefix)) text.erase(0, prefix.size());
  const std::size_t at = text.find("_Z");
  if (at == std::string::npos) return text;
  const std::string name = text.substr(at, text.find_first_of(" ,:;()", at) - at);
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return plain ? text.replace(at, name.size(), plain.get()) : text;
}

Catalog types_of(const Tree& item, const fs::path& path, const fs::path& canonical) {
  const std::string bytes = bytes_of(item, path);
  if (const std::string wrong = not_a_library(bytes); !wrong.empty()) refuse(item, path, wrong);
  const std::optional<std::string> built_for = plugin_built_for(bytes);
  constexpr const char* kNone = "is not a plugin; it lacks DAGFUSION_PLUGIN of graph/plugin.h";
  if (!built_for) refuse(item, path, kNone);
  if (*built_for != DAGFUSION_BUILT_FOR)
    refuse(item, path,
           fmt::format("was built for Dagfusion {}, and this program is {}; build it again", *built_for,
                       DAGFUSION_BUILT_FOR));
  void* library = dlopen(canonical.c_str(), RTLD_NOW | RTLD_LOCAL);  // for good: its nodes outlive any scope
  if (!library) refuse(item, path, "cannot be loaded: " + loader_message(canonical));
  const auto* plugin = static_cast<const DagfusionPlugin*>(dlsym(library, "dagfusion_plugin"));
  if (!plugin) refuse(item, path, kNone);
  Catalog types;
  try {
    plugin->add(&types);
  } catch (const std::exception& e) {
    refuse(item, path, fmt::format("cannot tell its node types: {}", e.what()));
  }
  return types;
}

struct Plugin {
  std::string path;  // without links: of two names for one file there is one plugin
  Catalog types;
};

// Reads and loads it, unless that is done already. Throws UserError.
const Plugin& load(const Tree& item) {
  static std::map<std::string, Plugin> loaded;
  if (!item.is_scalar() || item.text.empty())
    throw UserError(item.where, "'plugins' lists shared libraries, like libmy_nodes.so");
  const fs::path path = find_library(item), canonical = fs::canonical(path);
  auto there = loaded.find(canonical.string());
  if (there == loaded.end())
    there =
        loaded.emplace(canonical.string(), Plugin{canonical.string(), types_of(item, path, canonical)}).first;
  return there->second;
}

const std::vector<Tree>& items_of(const Tree& file) {
  static const std::vector<Tree> none;
  const Tree* plugins = file.is_map() ? file.find("plugins") : nullptr;
  if (!plugins || plugins->is_null()) return none;
  if (plugins->is_list()) return plugins->items;
  throw UserError(plugins->where, "'plugins' must be a list of shared libraries, like [libmy_nodes.so]");
}

// What the checker takes for granted of a type, and a test of the catalog makes sure of here.
void check_type(const NodeType& type) {
  if (type.name.empty()) throw std::logic_error("it has no name");
  if (!(type.role == Role::composite ? static_cast<bool>(type.expand) : static_cast<bool>(type.create)))
    throw std::logic_error(type.role == Role::composite ? "it has no 'expand'" : "it has no 'create'");
  for (const std::vector<Port>* ports : {&type.inputs, &type.outputs})
    for (const Port& port : *ports) parse_port(port.spec);
}

}  // namespace

void gather_plugins(Tree& file) {
  if (items_of(file).empty()) return;
  std::vector<Fault> faults;
  std::vector<Tree> kept;
  for (Tree item : items_of(file)) {
    try {
      const std::string& path = load(item).path;
      const auto same = std::find_if(kept.begin(), kept.end(), [&](const Tree& k) { return k.text == path; });
      if (same == kept.end()) {
        item.text = path;
        kept.push_back(std::move(item));
      } else if (same->where.file == item.where.file) {
        throw UserError(item.where, fmt::format("'plugins' names {} twice", item.text));
      }
    } catch (const UserError& e) {
      faults.insert(faults.end(), e.faults().begin(), e.faults().end());
    }
  }
  if (!faults.empty()) throw UserError(std::move(faults));
  file.find("plugins")->items = std::move(kept);
}

void inherit_plugins(Tree& base, const Tree& file) {
  if (items_of(file).empty()) return;
  Tree* all = base.find("plugins");
  if (!all || all->is_null()) {
    std::erase_if(base.entries, [](const Entry& e) { return e.key == "plugins"; });
    base.entries.insert(base.entries.begin(),
                        {"plugins", file.find("plugins")->where, *file.find("plugins")});
    return;
  }
  for (const Tree& item : items_of(file))
    if (std::none_of(all->items.begin(), all->items.end(),
                     [&](const Tree& a) { return a.text == item.text; }))
      all->items.push_back(item);
}

void add_plugins(Catalog& catalog, const Tree& file, std::vector<Fault>& faults) {
  for (const Tree& item : items_of(file)) {
    const Plugin& plugin = load(item);
    if (std::find(catalog.plugins.begin(), catalog.plugins.end(), plugin.path) != catalog.plugins.end())
      continue;
    catalog.plugins.push_back(plugin.path);
    const std::string name = fs::path(plugin.path).filename().string();
    for (const NodeType& type : plugin.types.nodes) {
      try {
        check_type(type);
        if (catalog.find(type.name)) throw std::logic_error(kTaken);
        catalog.nodes.push_back(type);
      } catch (const std::logic_error& wrong) {
        faults.push_back(
            {item.where, fmt::format("node type '{}' of {}: {}", type.name, name, wrong.what())});
      }
    }
    const std::vector<std::string> taken = top_level_keys(catalog);
    for (const SectionType& section : plugin.types.sections) {
      if (std::find(taken.begin(), taken.end(), section.name) == taken.end())
        catalog.sections.push_back(section);
      else
        faults.push_back({item.where, fmt::format("section '{}' of {}: {}", section.name, name, kTaken)});
    }
  }
}

}  // namespace dagfusion
