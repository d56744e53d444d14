// run-pipeline nodes: the catalog, or the types that can stand in for one.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/commands/commands.h"
#include "tools/show/description.h"

namespace dagfusion {

namespace {

// The words that a name means: itself, or all that the type of this name stands for.
std::vector<std::string> words_of(const std::string& like, const std::vector<const NodeType*>& types) {
  std::vector<std::string> known;
  for (const NodeType* type : types) {
    for (const std::string& word : type->stands_for) {
      if (word == like) return {like};
      if (std::find(known.begin(), known.end(), word) == known.end()) known.push_back(word);
    }
  }
  for (const NodeType* type : types)
    if (type->name == like) {
      if (type->stands_for.empty())
        throw UserError({"command line"}, fmt::format("nothing can stand in for '{}'", like));
      return type->stands_for;
    }
  std::vector<std::string> candidates = known;
  for (const NodeType* type : types) candidates.push_back(type->name);
  throw UserError({"command line"}, fmt::format("no node stands for '{}', and no type is called so{}", like,
                                                nearest(like, candidates) ? suggestion(like, candidates)
                                                                          : suggestion("", known)));
}

}  // namespace

int nodes_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline nodes"};
  std::string like;
  bool json = false, markdown = false, manual = false;
  TypedPlugins plugins;
  arguments.option("--like", like, "only what stands for this (loss, sampler, …), or for what this type does")
      .shown_as("WORD|TYPE");
  const Argument as_json = arguments.flag("--json", json, "an array with all that `describe` shows of each");
  arguments.flag("--markdown", markdown, "a table under the headings of nodes/README.md").excludes(as_json);
  arguments.flag("--manual", manual, "a reference manual: paper, formula, shapes and an example of each")
      .excludes(as_json);
  declare_plugins(arguments, plugins);
  declare_types_of(arguments, plugins);
  return run_command(arguments, argc, argv, [&]() -> int {
    const Catalog catalog = plugins.types();
    std::vector<const NodeType*> types = all_types(catalog);
    if (!like.empty()) {
      const std::vector<std::string> words = words_of(like, types);
      std::erase_if(types, [&](const NodeType* type) {
        return std::find_first_of(type->stands_for.begin(), type->stands_for.end(), words.begin(),
                                  words.end()) == type->stands_for.end();
      });
    }
    if (json) {
      nlohmann::ordered_json all = nlohmann::ordered_json::array();
      for (const NodeType* type : types) all.push_back(description_json(*type));
      fmt::print("{}\n", all.dump(2));
      return kDone;
    }
    if (markdown) {
      fmt::print("{}", markdown_table(types));
      return kDone;
    }
    if (manual) {
      fmt::print("{}", manual_text(types));
      return kDone;
    }
    std::size_t name = 0, word = 0;
    for (const NodeType* type : types) {
      name = std::max(name, type->name.size());
      word = std::max(word, fmt::format("{}", fmt::join(type->stands_for, ", ")).size());
    }
    for (const NodeType* type : types)
      fmt::print("{:<{}}  {:<{}}  {}\n", type->name, name,
                 fmt::format("{}", fmt::join(type->stands_for, ", ")), word, type->summary);
    return kDone;
  });
}

}  // namespace dagfusion
