// run-pipeline run-node TYPE: one node alone, between arrays that NumPy saved and arrays for NumPy.
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core/utility.hpp>
#include <optional>

#include "nodes/files/npy.h"
#include "tools/commands/commands.h"
#include "tools/observe/recorded_node.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

Tree map_of(const std::vector<std::pair<std::string, Tree>>& entries) {
  Tree map{.kind = Tree::Kind::map, .where = {"command line"}};
  for (const auto& [key, value] : entries) map.entries.push_back({key, {"command line"}, value});
  return map;
}

constexpr std::int64_t kMostTogether = 4096;  // images in a frame, where nothing says how many

Tree text(const std::string& value) { return scalar(value, {"command line"}, true); }

using Inputs = std::vector<std::pair<std::string, fs::path>>;  // port, file

struct Asked {
  std::string what, output = "run-node";
  std::vector<std::string> inputs, parameters;
  TypedPlugins plugins;
};

// What --record wrote; nothing when `what` is a type.
std::optional<RecordedNode> read_record(Asked& asked, Inputs& inputs) {
  const fs::path folder = asked.what;
  if (!fs::exists(folder / "node.yaml")) return std::nullopt;
  RecordedNode record = read_recorded_node(folder / "node.yaml");
  asked.plugins.files.insert(asked.plugins.files.end(), record.plugins.begin(), record.plugins.end());
  for (const auto& e : fs::directory_iterator(folder))
    if (e.path().extension() == ".npy") inputs.emplace_back(e.path().stem().string(), e.path());
  return record;
}

// Of a record, or of a type, with what is typed behind it.
Tree node_entry(const Asked& asked, const std::optional<RecordedNode>& record, Inputs& inputs) {
  Tree entry = record ? record->node : map_of({{"type", text(asked.what)}});
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

// How many images the first array holds that is there.
std::int64_t images_of(const Inputs& inputs) {
  std::int64_t images = 1;
  for (const auto& [port, path] : inputs)
    if (fs::exists(path)) images = NpyFile(path).rows();
  return images;
}

// npy_reader nodes in front of the node, npy_writer nodes behind it.
Tree nodes_around(Tree entry, const Inputs& inputs, const Asked& asked) {
  std::vector<std::pair<std::string, Tree>> nodes, wires;
  for (const auto& [port, path] : inputs) {
    nodes.emplace_back("in_" + port, map_of({{"type", text("npy_reader")},
                                             {"path", text(path.string())},
                                             {"finite", scalar("false", {"command line"})}}));
    wires.emplace_back(port, text("in_" + port));
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
  return map_of(nodes);
}

// Under the settings, seed and sections of the recorded run; else with the defaults of every section.
Tree pipeline_around(Tree entry, const Inputs& inputs, const Asked& asked,
                     const std::optional<RecordedNode>& record) {
  const std::int64_t images = record ? record->frame.images : images_of(inputs);
  const std::int64_t together = record ? images : std::min(images, kMostTogether);
  Tree run = record ? record->run : map_of({});
  run.entries.push_back(
      {"micro_batch", {"command line"}, scalar(std::to_string(together), {"command line"})});
  run.entries.push_back({"images", {"command line"}, scalar(std::to_string(images), {"command line"})});
  Tree file = map_of({{"run", run}, {"nodes", nodes_around(std::move(entry), inputs, asked)}});
  asked.plugins.add_to(file);
  if (record) {
    file.entries.insert(file.entries.end(), record->sections.begin(), record->sections.end());
  } else {
    for (const SectionType& section : asked.plugins.types().sections)
      if (std::none_of(section.parameters.begin(), section.parameters.end(),
                       [](const Parameter& p) { return p.required; }))
        file.entries.push_back({section.name, {"command line"}, map_of({})});
  }
  return file;
}

// What such a node does while something is trained, it does not do here.
void refuse_training_only(const RecordedNode& record, const Asked& asked) {
  const Tree* name = record.node.find("type");
  const Catalog types = asked.plugins.types();
  const NodeType* type = name ? types.find(name->text) : nullptr;
  if (record.frame.training && type && type->only_training)
    throw UserError({"command line"},
                    fmt::format("{}: '{}' was recorded in training, and without it hands its input on; "
                                "run-node trains nothing",
                                asked.what, type->name));
}

// The recorded frame, in its place among the images of its run.
void take_up(const RecordedFrame& frame, Invocation& request) {
  request.first_frame = frame.position / frame.images;
  request.adapt = [frame](Checked& checked) {
    checked.images = frame.position + frame.valid;
    for (CheckedNode& node : checked.nodes)
      if (node.path == "node") node.stream = frame.stream;
  };
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
    Inputs inputs;
    const std::optional<RecordedNode> record = read_record(asked, inputs);
    if (record) refuse_training_only(*record, asked);
    const Tree entry = node_entry(asked, record, inputs);
    Invocation request{
        .file = "command line", .threads = 1, .composed = pipeline_around(entry, inputs, asked, record)};
    if (record) take_up(record->frame, request);
    fs::create_directories(asked.output);
    const Launch made = launch(request);
    for (const std::string& line : made.run->run().told) fmt::print("{}\n", printable(line));
    return kDone;
  });
}

}  // namespace dagfusion
