// run-pipeline run-node TYPE: one node alone, between arrays that NumPy saved and arrays for NumPy.
#include <fmt/format.h>

#include <opencv2/core/utility.hpp>

#include "nodes/files/npy.h"
#include "tools/commands/commands.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

Tree map_of(const std::vector<std::pair<std::string, Tree>>& entries) {
  Tree map{.kind = Tree::Kind::map, .where = {"command line"}};
  for (const auto& [key, value] : entries) map.entries.push_back({key, {"command line"}, value});
  return map;
}

Tree text(const std::string& value) { return scalar(value, {"command line"}, true); }

struct Asked {
  std::string what, output = "run-node";
  std::vector<std::string> inputs, parameters;
  TypedPlugins plugins;
};

// What --record wrote, or a type and what is typed behind it.
Tree node_entry(Asked& asked, std::vector<std::pair<std::string, fs::path>>& inputs) {
  Tree entry = map_of({{"type", text(asked.what)}});
  const fs::path folder = asked.what;
  if (fs::exists(folder / "node.yaml")) {
    entry = read_document(folder / "node.yaml");
    if (const Tree* plugins = entry.find("plugins"))
      for (const Tree& item : plugins->items) asked.plugins.files.push_back(item.text);
    std::erase_if(entry.entries, [](const Entry& e) { return e.key == "plugins"; });
    for (const auto& e : fs::directory_iterator(folder))
      if (e.path().extension() == ".npy") inputs.emplace_back(e.path().stem().string(), e.path());
  }
  for (const std::string& given : asked.inputs) {
    const std::size_t equals = given.find('=');
    if (equals == given.npos)
      throw UserError({"command line"},
                      fmt::format("--in {}: expected PORT=FILE.npy, like x=images.npy", given));
    const std::string port = given.substr(0, equals);
    std::erase_if(inputs, [&](const auto& i) { return i.first == port; });
    inputs.emplace_back(port, given.substr(equals + 1));
  }
  for (const std::string& given : asked.parameters) {
    const std::size_t equals = given.find('=');
    if (equals == given.npos)
      throw UserError({"command line"}, fmt::format("'{}': expected PARAMETER=VALUE, like groups=8", given));
    const std::string key = given.substr(0, equals);
    Tree value = parse_document(given.substr(equals + 1), "command line");
    if (Tree* there = entry.find(key))
      *there = std::move(value);
    else
      entry.entries.push_back({key, {"command line"}, std::move(value)});
  }
  return entry;
}

// npy_reader nodes in front of the node, npy_writer nodes behind it.
Tree pipeline_around(Tree entry, const std::vector<std::pair<std::string, fs::path>>& inputs,
                     const Asked& asked) {
  std::vector<std::pair<std::string, Tree>> nodes, wires;
  std::int64_t images = 1;
  for (const auto& [port, path] : inputs) {
    nodes.emplace_back("in_" + port, map_of({{"type", text("npy_reader")}, {"path", text(path.string())}}));
    wires.emplace_back(port, text("in_" + port));
    if (fs::exists(path))
      if (const NpyArray array = read_npy(path); !array.shape.empty()) images = array.shape[0];
  }
  if (!wires.empty()) entry.entries.push_back({"in", {"command line"}, map_of(wires)});
  const Tree* named = entry.find("type");
  const Catalog types = asked.plugins.types();
  const NodeType* type = named ? types.find(named->text) : nullptr;
  nodes.emplace_back("node", std::move(entry));
  if (type)
    for (const Port& p : type->outputs)
      nodes.emplace_back("out_" + p.name,
                         map_of({{"type", text("npy_writer")},
                                 {"in", text("node." + p.name)},
                                 {"path", text((fs::path(asked.output) / (p.name + ".npy")).string())}}));
  const std::string frame = std::to_string(std::min<std::int64_t>(images, 4096));
  Tree file = map_of({{"run", map_of({{"micro_batch", scalar(frame, {"command line"})},
                                      {"images", scalar(std::to_string(images), {"command line"})}})},
                      {"nodes", map_of(nodes)}});
  for (const SectionType& section : types.sections)  // those whose parameters all have defaults
    if (std::none_of(section.parameters.begin(), section.parameters.end(),
                     [](const Parameter& p) { return p.required; }))
      file.entries.push_back({section.name, {"command line"}, map_of({})});
  asked.plugins.add_to(file);
  return file;
}

}  // namespace

int run_node_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help() + "\n\nWeights have the values they start with.", "run-pipeline run-node"};
  Asked asked;
  arguments.option("node", asked.what, "a node type, or a folder that --record wrote").required();
  arguments.option("parameters", asked.parameters, "PARAMETER=VALUE of the node");
  arguments.option("--in", asked.inputs, "an input of the node, and the .npy file for it")
      .shown_as("PORT=FILE")
      .one_at_a_time();
  arguments.option("--output", asked.output, "folder for the outputs, PORT.npy each").shows_default();
  declare_plugins(arguments, asked.plugins);
  return run_command(arguments, argc, argv, [&]() -> int {
    cv::setNumThreads(1);
    std::vector<std::pair<std::string, fs::path>> inputs;
    const Tree entry = node_entry(asked, inputs);
    Invocation request{
        .file = "command line", .threads = 1, .composed = pipeline_around(entry, inputs, asked)};
    fs::create_directories(asked.output);
    const Launch made = launch(request);
    for (const std::string& line : made.run->run().told) fmt::print("{}\n", line);
    return kDone;
  });
}

}  // namespace dagfusion
