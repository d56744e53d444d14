// run-pipeline describe TYPE: ports, parameters, paper and example of a node type, or the keys of a section.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "graph/types/file_keys.h"
#include "tools/commands/commands.h"
#include "tools/show/description.h"
#include "tools/show/terminal.h"

namespace dagfusion {

namespace {

std::vector<SectionType> all_sections(const Catalog& catalog) {
  std::vector<SectionType> all = {{.name = "run",
                                   .summary = "How long, how large and where.",
                                   .parameters = run_parameters(),
                                   .create = {}}};
  all.insert(all.end(), catalog.sections.begin(), catalog.sections.end());
  return all;
}

// Words of a pipeline file that look like types and are none.
const std::vector<std::pair<std::string, std::string>> kOthers = {
    {"model",
     "model: a call of the file's section `model` (or of one below `models`, with `model: NAME`). Its type, "
     "such as unet,\n"
     "and its parameters stand in that section; `describe unet` lists them.\n\n"
     "example\n  name: {type: model, in: {x: xt, t: t}}\n"},
    {"loop",
     "loop: repeats the nodes of its body, once for each time that `each` gives.\n\n"
     "keys\n"
     "  each     the node that counts, such as ddim_timesteps; the body reads each.t\n"
     "  carry    names of the carried values and where they start; the body reads carry.x\n"
     "  nodes    the body\n"
     "  next     for each carried value, what it is in the next iteration\n"
     "  collect  values to keep from the iterations, `every` so many\n\n"
     "example\n"
     "  denoise:\n"
     "    loop:\n"
     "      each:  {type: ddim_timesteps, steps: 50}\n"
     "      carry: {x: xT}\n"
     "      nodes:\n"
     "        out:  {type: model, in: {x: carry.x, t: each.t}}\n"
     "        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}\n"
     "      next:  {x: prev}\n"}};

std::string fitted(const std::string& text) {
  const std::optional<int> columns = columns_of(STDOUT_FILENO);
  return columns ? wrapped(text, *columns) : text;
}

}  // namespace

int describe_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline describe"};
  std::string name;
  bool json = false;
  TypedPlugins plugins;
  arguments.option("type", name, "a node type, or a section: run, diffusion").required();
  arguments.flag("--json", json, "one JSON object");
  declare_plugins(arguments, plugins);
  declare_types_of(arguments, plugins);
  return run_command(arguments, argc, argv, [&]() -> int {
    const Catalog catalog = plugins.types();
    const auto say = [&](const std::string& text, const nlohmann::ordered_json& object) -> int {
      fmt::print("{}", json ? object.dump(2) + "\n" : fitted(text));
      return kDone;
    };
    std::vector<std::string> known;
    for (const NodeType* type : all_types(catalog)) {
      if (type->name == name) return say(describe(*type, catalog), description_json(*type));
      known.push_back(type->name);
    }
    for (const SectionType& section : all_sections(catalog)) {
      if (section.name == name) return say(describe(section), description_json(section));
      known.push_back(section.name);
    }
    for (const auto& [word, text] : kOthers) {
      if (word == name && json)
        throw UserError({"command line"}, fmt::format("'{}' is not a node type and has no JSON", name));
      if (word == name) return fmt::print("{}", fitted(text)), kDone;
      known.push_back(word);
    }
    throw UserError({"command line"},
                    fmt::format("no node type or section '{}'{}", name, suggestion(name, known)));
  });
}

}  // namespace dagfusion
