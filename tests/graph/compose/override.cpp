#include <gtest/gtest.h>

#include "graph/compose/change.h"

namespace dagfusion {
namespace {

constexpr std::string_view pipeline = R"(vars: {source: images, size: 32}
run:
model: {type: unet, multipliers: [1, 2, 4]}
models: {big: {type: unet}}
nodes:
  loss: {type: mse_loss, in: {prediction: out, target: target}}
  denoise:
    loop:
      each: {type: ddim_timesteps}
      nodes:
        prev: {type: ddim_step}
)";

void change(Tree& root, const Override& change) {
  std::vector<std::string> notes;
  apply(root, read_override(change), Catalog(), notes);
  EXPECT_EQ(notes, std::vector<std::string>{});
}
Tree changed(const Override& override) {
  Tree root = parse_document(pipeline, "a.yaml");
  change(root, override);
  return root;
}
Tree set(const std::string& text) { return changed({Override::Kind::set, text}); }
Tree add(const std::string& text) { return changed({Override::Kind::add, text}); }
Tree without(const std::string& text) { return changed({Override::Kind::remove, text}); }

std::string refusal(Override::Kind kind, const std::string& text) {
  try {
    changed({kind, text});
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}
std::string set_refusal(const std::string& text) { return refusal(Override::Kind::set, text); }
std::string add_refusal(const std::string& text) { return refusal(Override::Kind::add, text); }
std::string remove_refusal(const std::string& text) { return refusal(Override::Kind::remove, text); }

TEST(Override, SetsWhatIsThere) {
  Tree root = set("vars.size=64");
  const Tree* size = root.find("vars")->find("size");
  EXPECT_EQ(size->text, "64");
  EXPECT_EQ(to_string(size->where), "command line");
  EXPECT_EQ(root.find("vars")->keys(), (std::vector<std::string>{"source", "size"}));
}

TEST(Override, SetsOnlyTheKeyThatItNames) {
  const Tree root = set("nodes.loss.type=huber_loss");
  const Tree* loss = root.find("nodes")->find("loss");
  EXPECT_EQ(loss->find("type")->text, "huber_loss");
  EXPECT_EQ(loss->keys(), (std::vector<std::string>{"type", "in"}));
}

TEST(Override, ReadsValuesAsYaml) {
  auto source = [](const std::string& value) {
    return *set("vars.source=" + value).find("vars")->find("source");
  };
  EXPECT_EQ(source("my pictures/of=cats").text, "my pictures/of=cats");
  EXPECT_TRUE(source("'12'").quoted);
  EXPECT_TRUE(source("").is_null());
  EXPECT_EQ(write_document(source("[1, {a: b}]")), "- 1\n- a: b\n");
  EXPECT_EQ(to_string(source("[1, {a: b}]").items[1].entries[0].where), "command line");
  EXPECT_EQ(to_string(source("[1, {a: b}]").items[1].find("a")->where), "command line");
}

TEST(Override, ReachesItemsOfListsByNumber) {
  Tree root = set("model.multipliers.1=3");
  EXPECT_EQ(write_document(*root.find("model")->find("multipliers")), "[1, 3, 4]\n");
}

TEST(Override, SetsParametersThatTheFileDoesNotMention) {
  EXPECT_EQ(set("run.steps=100").find("run")->find("steps")->text, "100");
  EXPECT_EQ(set("model.channels=8").find("model")->find("channels")->text, "8");
  EXPECT_EQ(set("models.big.channels=8").find("models")->find("big")->find("channels")->text, "8");
  EXPECT_EQ(set("nodes.loss.weight=1e-3").find("nodes")->find("loss")->find("weight")->text, "1e-3");
  Tree loop = *set("nodes.denoise.loop.nodes.prev.eta=1").find("nodes")->find("denoise")->find("loop");
  EXPECT_EQ(loop.find("nodes")->find("prev")->find("eta")->text, "1");
  Tree bare = parse_document("nodes: {}\n", "a.yaml");
  change(bare, {Override::Kind::set, "run.threads=2"});
  EXPECT_EQ(bare.find("run")->find("threads")->text, "2");
}

TEST(Override, RefusesNewNamesElsewhere) {
  EXPECT_EQ(set_refusal("vars.sourc=x"),
            "command line: no 'vars.sourc' in a.yaml; did you mean 'vars.source'?");
  EXPECT_EQ(set_refusal("vars.q=x"), "command line: no 'vars.q' in a.yaml; known are source, size");
  EXPECT_EQ(set_refusal("nodes.los=x"), "command line: no 'nodes.los' in a.yaml; did you mean 'nodes.loss'?");
  EXPECT_EQ(set_refusal("nodes.los.type=x"),
            "command line: no 'nodes.los' in a.yaml; did you mean 'nodes.loss'?");
  EXPECT_EQ(set_refusal("nodes.loss.in.predicton=x"),
            "command line: no 'nodes.loss.in.predicton' in a.yaml; did you mean 'nodes.loss.in.prediction'?");
  EXPECT_EQ(set_refusal("var.size=1"), "command line: no 'var' in a.yaml; did you mean 'vars'?");
  EXPECT_EQ(set_refusal("diffusion.timesteps=10"),
            "command line: no 'diffusion' in a.yaml; known are vars, run, model, models, nodes");
}

TEST(Override, RefusesPathsThroughWhatHasNoKeys) {
  EXPECT_EQ(set_refusal("vars.size.x=1"),
            "command line: no 'vars.size.x' in a.yaml; 'vars.size' is '32', which has no keys");
  EXPECT_EQ(set_refusal("run.a.b=1"), "command line: no 'run.a' in a.yaml; 'run' is empty");
  EXPECT_EQ(set_refusal("model.multipliers.3=1"),
            "command line: no 'model.multipliers.3' in a.yaml; 'model.multipliers' is a list with the items "
            "0 to 2");
  EXPECT_EQ(set_refusal("model.multipliers.last=1"),
            "command line: no 'model.multipliers.last' in a.yaml; 'model.multipliers' is a list with the "
            "items 0 to 2");
}

TEST(Override, RefusesWhatIsNoPathWithAValue) {
  EXPECT_EQ(set_refusal("vars.size"),
            "command line: 'vars.size' has no value; expected path=value, like vars.size=VALUE");
  EXPECT_EQ(set_refusal(""), "command line: '' has no value; expected path=value, like run.seed=VALUE");
  std::string path = " is not a path; expected keys with dots between them, like nodes.NAME.KEY";
  EXPECT_EQ(set_refusal("=3"), "command line: ''" + path);
  EXPECT_EQ(set_refusal("vars..size=3"), "command line: 'vars..size'" + path);
  EXPECT_EQ(remove_refusal("vars."), "command line: 'vars.'" + path);
  EXPECT_EQ(set_refusal("vars.size=[1"),
            "command line: the value '[1' of 'vars.size' is not YAML: '[' is never closed; expected ']'");
  EXPECT_EQ(
      set_refusal("vars.source=*.png"),
      "command line: the value '*.png' of 'vars.source' is not YAML: aliases (*name) are not allowed; use a "
      "variable below 'vars', or quote the text");
}

TEST(Override, TakesAHashForACharacter) {
  const auto source = [](const std::string& typed) {
    return set("vars.source=" + typed).find("vars")->find("source")->text;
  };
  EXPECT_EQ(source("cats #2.h5"), "cats #2.h5");
  EXPECT_EQ(source("#2"), "#2");
  EXPECT_EQ(source("it's #2"), "it's #2");
  EXPECT_EQ(source("'cats #2.h5'"), "cats #2.h5");
  EXPECT_EQ(write_document(*set("model.multipliers=['1 #', 2#]").find("model")->find("multipliers")),
            "[\"1 #\", \"2#\"]\n");
  EXPECT_EQ(set_refusal("model.multipliers=[1, 2 #]"),
            "command line: the value '[1, 2 #]' of 'model.multipliers' has a '#' outside quotes, where YAML "
            "begins a comment; put the text it belongs to into quotes");
  EXPECT_EQ(set_refusal("vars.source='a' #b"),
            "command line: the value ''a' #b' of 'vars.source' has a '#' outside quotes, where YAML begins a "
            "comment; put the text it belongs to into quotes");
}

TEST(Override, AddsWhatIsNotThere) {
  EXPECT_EQ(add("vars.count=16").find("vars")->keys(), (std::vector<std::string>{"source", "size", "count"}));
  EXPECT_EQ(add("nodes.ema={type: weight_average}").find("nodes")->find("ema")->find("type")->text,
            "weight_average");
  EXPECT_EQ(to_string(add("vars.count=16").find("vars")->entries[2].where), "command line");
  EXPECT_EQ(add("run.seed=3").find("run")->find("seed")->text, "3");
  EXPECT_EQ(write_document(*add("model.multipliers.3=8").find("model")->find("multipliers")),
            "[1, 2, 4, 8]\n");
  EXPECT_EQ(add("diffusion={timesteps: 10}").find("diffusion")->find("timesteps")->text, "10");
}

TEST(Override, RefusesToAddWhatIsThereOrHasNoPlace) {
  EXPECT_EQ(add_refusal("vars.size=3"),
            "command line: 'vars.size' is there already in a.yaml; set it with vars.size=VALUE");
  EXPECT_EQ(add_refusal("node.x.type=y"), "command line: no 'node' in a.yaml; did you mean 'nodes'?");
  EXPECT_EQ(add_refusal("vars.size.x=1"),
            "command line: no 'vars.size.x' in a.yaml; 'vars.size' is '32', which has no keys");
  EXPECT_EQ(add_refusal("model.multipliers.7=1"),
            "command line: no 'model.multipliers.7' in a.yaml; 'model.multipliers' is a list with the items "
            "0 to 2");
}

TEST(Override, RemovesWhatIsThere) {
  EXPECT_EQ(without("nodes.loss").find("nodes")->keys(), (std::vector<std::string>{"denoise"}));
  EXPECT_EQ(write_document(*without("model.multipliers.0").find("model")->find("multipliers")), "[2, 4]\n");
  EXPECT_EQ(remove_refusal("nodes.adam"), "command line: no 'nodes.adam' in a.yaml; known are loss, denoise");
  EXPECT_EQ(remove_refusal("nodes.loss.weight"),
            "command line: no 'nodes.loss.weight' in a.yaml; known are type, in");
  EXPECT_EQ(remove_refusal("vars.size=3"),
            "command line: 'vars.size=3' has a value; to remove takes the path alone: vars.size");
}

}  // namespace
}  // namespace dagfusion
