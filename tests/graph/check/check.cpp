// What is refused before anything runs:
// keys, types, ports, dtypes, shapes, rates, references; each whole message.
#include <gtest/gtest.h>

#include "graph/document/number.h"
#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

// The faults of a pipeline of these nodes; line 3 is the first of them.
std::string faults_in(const std::string& nodes) {
  return faults_of("run: {images: 4, micro_batch: 2}\nnodes:\n" + nodes);
}

TEST(Check, AcceptsAPipelineWithoutFaults) {
  EXPECT_EQ(faults_in("  x: {type: numbers, doc: some numbers}\n  y: {type: add_one, in: x, stream: other, "
                      "on_error: drop}\n"),
            "");
}

TEST(Check, NotesWhatNoNodeReads) {
  const auto notes_of = [](const std::string& nodes) {
    return check_text("run: {images: 4, micro_batch: 2}\nnodes:\n  x: {type: numbers}\n" + nodes).notes;
  };
  EXPECT_EQ(notes_of("  all: {type: sink, in: x}\n"), std::vector<std::string>{});
  EXPECT_EQ(notes_of("  y: {type: add_one, in: x}\n"),
            std::vector<std::string>{"test.yaml:4:3: node 'y' (add_one): no node reads what it gives"});
}

TEST(Check, RefusesFilesThatAreNoPipelines) {
  EXPECT_EQ(faults_of("[1, 2]"), "test.yaml:1:1: a pipeline is a map with the key 'nodes'");
  EXPECT_EQ(faults_of("run: {seed: 1}"),
            "test.yaml:1:1: a pipeline needs 'nodes': a map from names to nodes");
  EXPECT_EQ(faults_of("nodes: [x]"), "test.yaml:1:8: a pipeline needs 'nodes': a map from names to nodes");
  EXPECT_EQ(faults_of("nodes: {x: {type: numbers, size: 3}}\nnodse: {}\n"),
            "test.yaml:2:1: unknown section 'nodse'; did you mean 'nodes'?");
}

TEST(Check, RefusesTheSameKeyTwice) {
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  x: {type: numbers}\n"),
            "test.yaml:4:3: key 'x' stands here a second time, first in line 3; leave one out");
}

TEST(Check, RefusesNodesOfNoType) {
  EXPECT_EQ(
      faults_in("  x: numbers\n"),
      "test.yaml:3:6: node 'x' is 'numbers'; it must be a map with the key 'type', like x: {type: numbers}");
  EXPECT_EQ(faults_in("  x: {size: 3}\n"), "test.yaml:3:3: node 'x' lacks the key 'type'");
  EXPECT_EQ(faults_in("  x: {type: nubmers}\n"),
            "test.yaml:3:13: node 'x': no type 'nubmers'; did you mean 'numbers'?");
}

TEST(Check, RefusesNamesThatCannotBeReferredTo) {
  EXPECT_EQ(faults_in("  2x: {type: numbers}\n"),
            "test.yaml:3:3: '2x' cannot name a node; names are letters, digits and _, start with a letter, "
            "and are not carry or each");
  EXPECT_EQ(faults_in("  carry: {type: numbers}\n"),
            "test.yaml:3:3: 'carry' cannot name a node; names are letters, digits and _, start with a "
            "letter, and are not carry or each");
}

TEST(Check, RefusesUnknownKeysAndWrongParameters) {
  EXPECT_EQ(faults_in("  x: {type: numbers, sise: 3}\n"),
            "test.yaml:3:22: node 'x' (numbers): unknown key 'sise'; did you mean 'size'?");
  EXPECT_EQ(faults_in("  x: {type: numbers, width: 0}\n"),
            "test.yaml:3:29: node 'x' (numbers): 'width' is 0; it must be between 1 and 4096");
}

TEST(Check, RefusesInputsThatAreNotThereOrNotWired) {
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: add_one}\n"),
            "test.yaml:4:3: node 'y' (add_one): input 'x' is not wired; it takes [N,W] f32 (values)");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: add_one, in: {x: x, z: x}}\n"),
            "test.yaml:4:33: node 'y' (add_one): no input 'z'; known are x");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: numbers, in: x}\n"),
            "test.yaml:4:26: node 'y' (numbers): takes no input");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: add_one, in: [x]}\n"),
            "test.yaml:4:26: node 'y' (add_one): an input is a list; it must be the name of a node, or of "
            "one of its ports: 'name.port'");
}

TEST(Check, RefusesReferencesToNothing) {
  EXPECT_EQ(faults_in("  numbers: {type: numbers}\n  y: {type: add_one, in: nubmers}\n"),
            "test.yaml:4:26: node 'y' (add_one): no node 'nubmers'; did you mean 'numbers'?");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: add_one, in: x.z}\n"),
            "test.yaml:4:26: node 'y' (add_one): 'x' has no output 'z'; known are x");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  out: {type: sink, in: x}\n  y: {type: add_one, in: out}\n"),
            "test.yaml:5:26: node 'y' (add_one): 'out' puts nothing out");
}

TEST(Check, RefusesDtypesThatDoNotFit) {
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  i: {type: integers}\n  y: {type: sink, in: i}\n"),
            "test.yaml:5:23: node 'y' (sink): input 'x' takes [N,...] f32, but 'i' gives [2] i32");
  EXPECT_EQ(
      faults_in("  x: {type: numbers}\n  i: {type: integers}\n  y: {type: sink, in: i.z}\n"),
      "test.yaml:5:23: node 'y' (sink): input 'x' takes [N,...] f32, but 'i.z' gives [2] u8; to_numbers "
      "turns bytes into numbers");
}

TEST(Check, RefusesShapesThatDoNotFit) {
  EXPECT_EQ(faults_in("  a: {type: numbers, width: 4}\n  b: {type: numbers, width: 5}\n  y: {type: plus, in: "
                      "{a: a, b: b}}\n"),
            "test.yaml:5:33: node 'y' (plus): input 'b' is [2,5], but input 'a' is [2,4]: W must be 4");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  m: {type: mean, in: x}\n  y: {type: add_one, in: m}\n"),
            "test.yaml:5:26: node 'y' (add_one): input 'x' is [], but takes [N,W], 2 sides");
}

TEST(Check, RefusesValuesOfAStepInItsFrames) {
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  n: {type: note}\n  y: {type: shift, in: {x: x, by: n}}\n"),
            "test.yaml:5:35: node 'y' (shift): input 'by': 'n' runs once per step, this node once per frame; "
            "a value of a step "
            "cannot go back to its frames");
}

TEST(Check, RefusesCycles) {
  EXPECT_EQ(
      faults_in("  x: {type: numbers}\n  a: {type: plus, in: {a: x, b: b}}\n  b: {type: add_one, in: a}\n"),
      "test.yaml:4:3: the nodes form a cycle: a <- b <- a; only a loop can lead values back");
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  a: {type: add_one, in: a}\n"),
            "test.yaml:4:3: the nodes form a cycle: a <- a; only a loop can lead values back");
}

TEST(Check, TellsAllFaultsOfAFileTogether) {
  EXPECT_EQ(faults_of(R"(run: {images: 4, micro_bacth: 2}
nodes:
  x: {type: numbers, size: few}
  y: {type: add_one, in: x}
  z: {type: add_one, in: nothing}
  v: {type: unknown}
)"),
            "test.yaml:1:18: section 'run': unknown key 'micro_bacth'; did you mean 'micro_batch'?\n"
            "test.yaml:3:28: node 'x' (numbers): 'size' is 'few'; it must be an integer\n"
            "test.yaml:5:26: node 'z' (add_one): no node 'nothing'; known are x, y\n"
            "test.yaml:6:13: node 'v': no type 'unknown'; known are model, run_pipeline, numbers, sum, half, "
            "shift, integers, flaky, stop, count, chain, to_numbers, …");
}

TEST(Check, RefusesWrongValuesOfEveryOnErrorAfterAndStream) {
  const std::string x = "  x: {type: numbers}\n";
  const auto every = [&](const std::string& value) {
    return faults_in(x + "  n: {type: note, every: " + value + "}\n");
  };
  for (const char* good : {"3", "30s", "15min", "0.5h"}) EXPECT_EQ(every(good), "");
  for (const char* bad : {"0", "-1", "1.5", "3 days", "often", "1e300"})
    EXPECT_EQ(every(bad), "test.yaml:4:26: node 'n' (note): 'every' is " + shown(bad) +
                              "; it must be a number of steps, or a time like 30s, 15min, 2h");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, every: 2}\n"),
            "test.yaml:4:36: node 'y' (add_one): 'every' is for nodes that run once per step");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, on_error: skip}\n"),
            "test.yaml:4:39: node 'y' (add_one): 'on_error' is 'skip'; known are stop, drop");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, after: [x, w]}\n"),
            "test.yaml:4:40: node 'y' (add_one): 'after' names no node 'w'; known are x");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, after: {a: x}}\n"),
            "test.yaml:4:36: node 'y' (add_one): 'after' is a map; it must be the name of a node, or a list "
            "of names");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, stream: [a]}\n"),
            "test.yaml:4:37: node 'y' (add_one): 'stream' is a list; it must be the name of a stream of "
            "random numbers");
  EXPECT_EQ(faults_in(x + "  y: {type: add_one, in: x, whne: x}\n"),
            "test.yaml:4:29: node 'y' (add_one): unknown key 'whne'; did you mean 'when'?");
}

TEST(Check, RefusesPipelinesThatNeverEnd) {
  EXPECT_EQ(faults_of("nodes: {x: {type: numbers}}"),
            "test.yaml:1:1: nothing says how many images to send through: no data set here ends; give "
            "run.images a number");
  EXPECT_EQ(
      faults_of("nodes:\n  x: {type: numbers, size: 3}\n  y: {type: numbers, size: 4}\n"),
      "test.yaml:3:3: node 'y' (numbers): holds 4 images, but node 'x' (numbers) holds 3; they must agree");
}

TEST(Check, TakesAsManyImagesOfEachDataSetAsTheRunAsksFor) {
  const std::string sets = "nodes:\n  x: {type: numbers, size: 3}\n  y: {type: numbers, size: 4}\n";
  EXPECT_EQ(faults_of("run: {images: 2}\n" + sets), "");
  EXPECT_EQ(
      faults_of("run: {images: 4}\n" + sets),
      "test.yaml:4:3: node 'y' (numbers): holds 4 images, but node 'x' (numbers) holds 3; they must agree");
}

TEST(Check, RefusesWrongSettingsOfTheRun) {
  const auto run = [](const std::string& settings) {
    return faults_of("run: {" + settings + "}\nnodes: {x: {type: numbers, size: 4}}\n");
  };
  EXPECT_EQ(run("lanes: 0"),
            "test.yaml:1:14: section 'run': 'lanes' is 0; it must be auto or a number from 1 to 1024");
  EXPECT_EQ(run("threads: many"),
            "test.yaml:1:16: section 'run': 'threads' is many; it must be auto or a number from 1 to 1024");
  EXPECT_EQ(run("precision: bfloat16"),
            "test.yaml:1:18: section 'run': 'precision' is bfloat16, which this build cannot compute on this "
            "core; float32 runs anywhere");
  EXPECT_EQ(
      run("steps: 3"),
      "test.yaml:1:14: section 'run': 'steps' is for training, but no node of this file minimizes anything");
}

TEST(Check, RefusesModelsThatAreNotThere) {
  EXPECT_EQ(faults_in("  x: {type: numbers}\n  y: {type: model, in: x}\n"),
            "test.yaml:4:13: node 'y' (model): calls the section 'model', which this file lacks; it says "
            "what the model is, like model: {type: chain} or model: {from: runs/train}");
  const auto model = [](const std::string& section, const std::string& more = "") {
    return faults_of("run: {images: 2}\nmodel: " + section +
                     "\nnodes:\n  x: {type: numbers}\n  y: {type: model, in: x" + more + "}\n");
  };
  EXPECT_EQ(model("{type: chain}"), "");
  EXPECT_EQ(model("{layers: 2}"), "test.yaml:2:8: section 'model' lacks the key 'type', for example chain");
  EXPECT_EQ(model("{type: chian}"),
            "test.yaml:2:15: section 'model': no type 'chian'; did you mean 'chain'?");
  EXPECT_EQ(model("{type: chain, layers: 0}"),
            "test.yaml:2:30: section 'model': 'layers' is 0; it must be between 1 and 64");
  EXPECT_EQ(model("chain"),
            "test.yaml:2:8: section 'model' is 'chain'; it must be a map, like {type: chain} or {from: "
            "runs/train}");
  EXPECT_EQ(model("{type: chain}", ", layers: 3"),
            "test.yaml:5:27: node 'y' (model): unknown key 'layers'; known are type, in, after, every, "
            "on_error, stream, doc, when, otherwise, model, weights; "
            "parameters of the model stand in its section");
  EXPECT_EQ(
      model("{type: chain}", ", model: other"),
      "test.yaml:5:34: node 'y' (model): calls the section 'other', which this file lacks; known are model");
}

TEST(Check, RefusesWeightsThatNoNodeUses) {
  CheckOptions options;
  options.open_model = [](const std::string&, const std::string&, const Position&) {
    return ModelSource{.model = parse_document("{type: chain}", "pipeline.yaml"), .input = {4}};
  };
  EXPECT_EQ(faults_of("run: {images: 2}\nmodel: {from: runs/train}\nnodes:\n  x: {type: numbers}\n", options),
            "test.yaml:2:8: section 'model': no node calls it, so the weights of 'runs/train' have no place "
            "here; a node of 'type: model' calls it");
}

TEST(Check, RefusesACallOfTheModelWithOtherImages) {
  EXPECT_EQ(faults_of(R"(run: {images: 2}
model: {type: chain}
nodes:
  x: {type: numbers}
  wide: {type: numbers, width: 5}
  a: {type: model, in: x}
  b: {type: model, in: wide}
)"),
            "test.yaml:7:24: node 'b' (model): input 'x' holds images [5], but the model was made for [4]");
}

}  // namespace
}  // namespace dagfusion::tiny
