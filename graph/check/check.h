// document -> checked: composites expanded, ports wired,
// shapes inferred, parameters read; every fault, together.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/types/catalog.h"
#include "graph/values/weights.h"

namespace dagfusion {

struct Checked;

// When a per-step node fires: after n, 2n, … steps (those that read or save after the last as well), or when
// so much time has passed.
struct Every {
  std::int64_t steps = 1;
  double seconds = 0;  // > 0: by the clock
};

struct CheckedInput {
  std::string port;
  Wire from;
  TensorSpec spec;
  bool backward_reads = false, accumulate_reads = false;
};

struct CheckedOutput {
  std::string port;
  TensorSpec spec;
  bool backward_reads = false;
};

struct CheckedSaved {
  std::string name;
  TensorSpec spec;
  Span span = Span::forward_to_backward;
};

struct CheckedNode {
  std::string path;  // "out/down0/block0/conv1"
  const NodeType* type = nullptr;
  Position where;
  std::unique_ptr<Node> node;
  Parameters parameters;
  std::vector<CheckedInput> inputs;  // the wired ones
  std::vector<CheckedOutput> outputs;
  std::vector<CheckedSaved> saved;
  std::vector<int> weights, packed;         // of WeightTable
  std::vector<std::pair<int, int>> passes;  // output, input: d(input) is d(output)
  std::vector<int> after;                   // nodes that come first
  int loop = -1;                            // around this node
  int group = -1;                           // the optimiser it belongs to
  Wire when = kNoWire;                      // frames in which this value is 0 skip the node
  std::array<std::uint32_t, 2> stream{};    // key of its random stream
  std::int64_t multiply_adds = 0;           // of one frame
  Every every;
  bool drop_on_error = false;
  bool shuffle = false;            // of a data set
  std::unique_ptr<Checked> child;  // of run_pipeline
  int child_weights = -1;          // node whose weights the child uses; -1 = the live ones
  // A layer of a call of the model on averaged weights (`weights: ema`): the node that keeps them. No gradient passes it.
  std::string averaged_by;  // "" = the live weights
  int average = -1;
};

// A loop: a head node (outputs: the carried values) and a tail node
// (inputs: the next values, then the collected ones; outputs: the last values, then the strips).
struct CheckedLoop {
  std::string path;
  int head = -1, tail = -1, each = -1;
  int count = 0;
  int carried = 0;                 // how many values are carried
  std::vector<int> collect_every;  // of each collected value
};

// What one optimiser minimizes.
struct Group {
  std::string path;
  Wire loss;
  std::vector<int> weights;  // ascending
};

// A model that was trained before: `model: {from, weights}`, or one of `models`.
struct TrainedModel {
  std::string section, from, weights;
};

// A composite whose nodes stand in its place.
struct Expanded {
  std::string path;
  const NodeType* type;
};

struct Checked {
  // Without training: how many frames carry the images, the last one filled up.
  std::int64_t frames_of_images() const {
    return (images.value_or(0) + run.micro_batch - 1) / run.micro_batch;
  }
  // Of every data set, by the path of its node: what makes it differ from another one.
  std::map<std::string, std::string> fingerprints() const;

  std::shared_ptr<Catalog> types;  // those of the nodes
  RunSettings run;
  std::vector<CheckedNode> nodes;  // in topological order
  std::vector<CheckedLoop> loops;
  std::vector<Expanded> composites;  // outermost first
  std::vector<Group> groups;
  std::shared_ptr<WeightTable> weights;
  std::map<std::string, std::shared_ptr<Resource>> resources;
  Shape model_input;                 // [C,H,W]
  std::vector<std::string> classes;  // that the model knows, by label
  std::vector<TrainedModel> trained_models;
  std::optional<std::int64_t> images;  // how many images travel when nothing is trained
  std::uint64_t memory = 0;            // that the run may take, in bytes; 0: what there is
  std::vector<std::string> notes;      // what the user should know, one line each
};

// What `model: {from: …}` takes out of a checkpoint, or a preview out of the run around it.
struct ModelSource {
  Tree model;                   // the section
  std::vector<Entry> sections;  // the others that a run saves
  Shape input;                  // [C,H,W]
  std::vector<std::string> classes;
};

struct CheckOptions {
  int channel_block = 8;
  bool bfloat16 = false;     // the core has bfloat16 primitives
  int auto_micro_batch = 1;  // what `micro_batch: auto` stands for
  int ranks = 1;             // processes that share the run
  int threads = 1;           // where the file says none: lanes, and so memory, go by them
  bool training = false;     // as if something were minimized, for benches of single nodes
  // Opens a checkpoint named by the user, for a section of the file; throws UserError.
  std::function<ModelSource(const std::string& section, const std::string& from, const Position&)> open_model;
  // Of a pipeline inside another: its model, and the table of weights to share.
  std::optional<ModelSource> model;
  std::shared_ptr<WeightTable> weights;
};

// Throws UserError with every fault. The tree's variables are substituted already.
Checked check(const Tree& file, const Catalog&, const CheckOptions&);

// The file that `pipeline: …` of run_pipeline names: beside the file that says so, else relative to here.
std::filesystem::path inner_pipeline(const Tree& reference);

// "node 'xt' (add_noise)"
std::string owner_of(const std::string& path, const std::string& type);

}  // namespace dagfusion
