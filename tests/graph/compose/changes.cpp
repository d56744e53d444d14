// Changes of a pipeline's nodes: replaced, removed, inserted.
#include <gtest/gtest.h>

#include "graph/compose/change.h"
#include "nodes/catalog.h"

namespace dagfusion::tests {
namespace {

constexpr std::string_view kPipeline = R"(model: {type: unet}
nodes:
  digits: {type: drawn_digits}
  flipped: {type: random_flip, in: digits, probability: 0.5}
  x0: {type: to_signed, in: flipped}
  noise: {type: gaussian_noise, in: x0}
  t: {type: uniform_timesteps, in: x0}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out: {type: model, in: {x: xt, t: t}}
  loss: {type: mse_loss, in: {prediction: out, target: noise}, reduction: sum, doc: of the noise}
  adam: {type: adam, minimize: loss}
  log: {type: metrics_log, in: {loss: loss, norm: adam.grad_norm}, after: [adam], every: 5}
  denoise:
    loop:
      each: {type: ddim_timesteps, steps: 50}
      carry: {x: noise}
      nodes:
        guess: {type: model, in: {x: carry.x, t: each.t}}
        same: {type: identity, in: guess}
        prev: {type: ddim_step, in: {x: carry.x, prediction: same, each: each}, eta: 0.5}
      next: {x: prev}
)";

struct Result {
  Tree file;
  std::vector<std::string> notes;
  // The entry of a node as YAML in one line: "nodes.loss".
  std::string at(const std::string& path) const {
    const Tree* tree = &file;
    for (std::size_t from = 0; tree && from <= path.size();) {
      const std::size_t dot = std::min(path.find('.', from), path.size());
      tree = tree->find(path.substr(from, dot - from));
      from = dot + 1;
    }
    return tree ? flow(*tree) : "absent";
  }
  static std::string flow(const Tree& tree) {
    std::string text;
    for (const Tree& item : tree.items) text += (text.empty() ? "" : ", ") + flow(item);
    for (const Entry& e : tree.entries) text += (text.empty() ? "" : ", ") + e.key + ": " + flow(e.value);
    if (tree.is_list()) return "[" + text + "]";
    return tree.is_map() ? "{" + text + "}" : tree.is_null() ? "null" : tree.text;
  }
};

Result changed(Change::Kind kind, const std::string& path, const std::string& value = "") {
  Result result{.file = parse_document(kPipeline, "a.yaml"), .notes = {}};
  const Change change{kind, path, {"b.yaml", 3, 5}, value.empty() ? Tree() : parse_document(value, "b.yaml")};
  apply(result.file, change, catalog(), result.notes);
  return result;
}
Result set(const std::string& path, const std::string& value) {
  return changed(Change::Kind::set, path, value);
}
Result replaced(const std::string& path, const std::string& by) {
  return changed(Change::Kind::replace, path, by);
}
Result without(const std::string& path) { return changed(Change::Kind::remove, path); }
Result before(const std::string& path, const std::string& nodes) {
  return changed(Change::Kind::insert_before, path, nodes);
}
Result after(const std::string& path, const std::string& nodes) {
  return changed(Change::Kind::insert_after, path, nodes);
}

template <class F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Replace, KeepsTheWiresAndDropsTheParameters) {
  const Result r = replaced("loss", "{type: huber_loss, delta: 0.1}");
  EXPECT_EQ(r.at("nodes.loss"), "{type: huber_loss, in: {prediction: out, target: noise}, delta: 0.1}");
  EXPECT_EQ(r.notes, std::vector<std::string>{"loss: huber_loss instead of mse_loss; dropped reduction"});
  EXPECT_EQ(r.file.find("nodes")->keys()[7], "loss");
}

TEST(Replace, IsWhatSettingATypeMeans) {
  const std::string wanted = "{type: huber_loss, in: {prediction: out, target: noise}}";
  EXPECT_EQ(set("nodes.loss.type", "huber_loss").at("nodes.loss"), wanted);
  EXPECT_EQ(replaced("nodes.loss", "{type: huber_loss}").at("nodes.loss"), wanted);
  EXPECT_EQ(set("nodes.loss.type", "mse_loss").at("nodes.loss.reduction"), "sum");  // nothing new
}

TEST(Replace, WiresTheMainInputWhateverItsName) {
  const Result r = replaced("xt", "{type: to_bytes}");
  EXPECT_EQ(r.at("nodes.xt"), "{type: to_bytes, in: x0}");
  EXPECT_EQ(r.notes, std::vector<std::string>{"xt: to_bytes instead of add_noise; dropped in.noise, in.t"});
}

TEST(Replace, SaysWhatTheNewNodeNeeds) {
  EXPECT_EQ(replaced("flipped", "{type: add_noise}").notes,
            std::vector<std::string>{
                "flipped: add_noise instead of random_flip; dropped probability; needs in.noise, in.t"});
  EXPECT_EQ(replaced("flipped", "{type: center_crop}").notes,
            std::vector<std::string>{
                "flipped: center_crop instead of random_flip; dropped probability; needs size"});
}

TEST(Replace, KeepsEveryOnlyForNodesOfAStep) {
  EXPECT_EQ(replaced("log", "{type: checkpoint}").at("nodes.log"),
            "{type: checkpoint, after: [adam], every: 5}");
  EXPECT_EQ(replaced("log", "{type: png_grid, path: a.png}").notes[0],
            "log: png_grid instead of metrics_log; dropped in.loss, in.norm, every; needs in.x");
}

TEST(Replace, TakesNewWiresToo) {
  EXPECT_EQ(replaced("loss", "{type: huber_loss, in: {target: x0}}").at("nodes.loss.in"),
            "{prediction: out, target: x0}");
}

TEST(Replace, ReachesTheBodyOfALoop) {
  EXPECT_EQ(replaced("denoise/prev", "{type: ddpm_step}").at("nodes.denoise.loop.nodes.prev"),
            "{type: ddpm_step, in: {x: carry.x, prediction: same, each: each}}");
  EXPECT_EQ(replaced("denoise/each", "{type: ddpm_timesteps, steps: 10}").at("nodes.denoise.loop.each"),
            "{type: ddpm_timesteps, steps: 10}");
}

TEST(Replace, TakesACallOfAModelOrAPipeline) {
  const Result inside = replaced("denoise/same", "{type: model, weights: ema}");
  EXPECT_EQ(inside.at("nodes.denoise.loop.nodes.same"), "{type: model, in: guess, weights: ema}");
  EXPECT_EQ(inside.notes, std::vector<std::string>{"denoise/same: model instead of identity"});
  EXPECT_EQ(replaced("denoise/same", "{type: model, in: {x: carry.x, t: each.t}}")
                .at("nodes.denoise.loop.nodes.same"),
            "{type: model, in: {x: carry.x, t: each.t}}");
  EXPECT_EQ(replaced("loss", "{type: model}").at("nodes.loss.in"), "{prediction: out, target: noise}");
  EXPECT_EQ(replaced("log", "{type: run_pipeline, pipeline: a.yaml}").at("nodes.log"),
            "{type: run_pipeline, after: [adam], every: 5, pipeline: a.yaml}");
}

TEST(Replace, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refusal([] { replaced("los", "{type: huber_loss}"); }),
            "b.yaml:3:5: no node 'los' in a.yaml; did you mean 'loss'?");
  EXPECT_EQ(refusal([] { replaced("loss", "{type: hubber_loss}"); }),
            "b.yaml:1:8: node 'loss': no type 'hubber_loss'; did you mean 'huber_loss'?");
  EXPECT_EQ(refusal([] { replaced("loss", "{delta: 1}"); }),
            "b.yaml:3:5: 'loss' is replaced by what has no 'type'; a node is a map like {type: TYPE}");
  EXPECT_EQ(refusal([] { replaced("denoise", "{type: identity}"); }),
            "b.yaml:3:5: 'denoise' is a loop, which no node can replace; its body's nodes can be, such as "
            "denoise/each");
  EXPECT_EQ(refusal([] { replaced("out/mid/attention", "{type: identity}"); }),
            "b.yaml:3:5: 'out/mid/attention' lies in a call of the section 'model', whose calls are all "
            "the same; did you mean 'model/mid/attention'?");
}

TEST(Remove, WiresReadersToWhatTheNodeRead) {
  const Result r = without("flipped");
  EXPECT_EQ(r.at("nodes.flipped"), "absent");
  EXPECT_EQ(r.at("nodes.x0.in"), "digits");
  EXPECT_EQ(without("nodes.xt").at("nodes.out.in"), "{x: x0, t: t}");
  EXPECT_EQ(without("denoise/same").at("nodes.denoise.loop.nodes.prev.in.prediction"), "guess");
}

TEST(Remove, SaysWhatStandsInWhere) {
  EXPECT_EQ(without("flipped").notes,
            std::vector<std::string>{"flipped: removed; 'digits' stands in for it in x0"});
  EXPECT_EQ(without("nodes.xt").notes, std::vector<std::string>{"xt: removed; 'x0' stands in for it in out"});
  EXPECT_EQ(without("log").notes, std::vector<std::string>{});
}

TEST(Remove, LetsNothingStandInForWhatIsMadeInItsShapeAlone) {
  EXPECT_EQ(refusal([] { without("noise"); }),
            "b.yaml:3:5: 'noise' cannot be removed: 'xt' reads it, and 'x0' cannot stand in, since only its "
            "shape counts there; replace it by another type that makes 'noise', or set what 'xt' reads");
  EXPECT_EQ(refusal([] { without("t"); }),
            "b.yaml:3:5: 't' cannot be removed: 'xt' reads it, and 'x0' cannot stand in, since only its "
            "shape counts there; replace it by another type that makes 't', or set what 'xt' reads");
}

TEST(Remove, ForgetsThatANodeComesFirst) {
  Result r{.file = parse_document("nodes:\n  a: {type: checkpoint}\n  b: {type: checkpoint, after: a}\n"
                                  "  c: {type: checkpoint, after: [a, b]}\n",
                                  "a.yaml"),
           .notes = {}};
  apply(r.file, {Change::Kind::remove, "a", {}, {}}, catalog(), r.notes);
  EXPECT_EQ(r.at("nodes"), "{b: {type: checkpoint}, c: {type: checkpoint, after: [b]}}");
}

TEST(Remove, RefusesWhenNothingCanStandIn) {
  EXPECT_EQ(
      refusal([] { without("digits"); }),
      "b.yaml:3:5: 'digits' cannot be removed: 'flipped' reads it, and it has no input that could stand "
      "in; remove or "
      "set that first");
  EXPECT_EQ(refusal([] { without("adam"); }),
            "b.yaml:3:5: 'adam' cannot be removed: 'log' reads it, and it has no input that could "
            "stand in; remove "
            "or set that first");
  EXPECT_EQ(refusal([] { without("los"); }), "b.yaml:3:5: no node 'los' in a.yaml; did you mean 'loss'?");
}

TEST(Remove, TakesOutKeysToo) {
  EXPECT_EQ(without("nodes.loss.reduction").at("nodes.loss"),
            "{type: mse_loss, in: {prediction: out, target: noise}, doc: of the noise}");
  EXPECT_EQ(without("denoise/prev.eta").at("nodes.denoise.loop.nodes.prev.eta"), "absent");
}

TEST(Insert, PutsNodesBehindANodeForAllThatReadIt) {
  const Result r = after("x0", "{half: {type: identity}, again: {type: identity}}");
  EXPECT_EQ(r.at("nodes.half"), "{type: identity, in: x0}");
  EXPECT_EQ(r.at("nodes.again"), "{type: identity, in: half}");
  EXPECT_EQ(r.at("nodes.noise.in"), "again");
  EXPECT_EQ(r.at("nodes.xt.in"), "{x0: again, noise: noise, t: t}");
}

TEST(Insert, PutsNodesInFrontOfOneInput) {
  const Result r = before("xt.noise", "{half: {type: identity}}");
  EXPECT_EQ(r.at("nodes.half"), "{type: identity, in: noise}");
  EXPECT_EQ(r.at("nodes.xt.in"), "{x0: x0, noise: half, t: t}");
  EXPECT_EQ(r.at("nodes.loss.in.target"), "noise");
  EXPECT_EQ(before("x0", "{half: {type: identity}}").at("nodes.x0.in"), "half");
}

TEST(Insert, ReachesTheBodyOfALoop) {
  const Result r = after("denoise/prev", "{half: {type: identity}}");
  EXPECT_EQ(r.at("nodes.denoise.loop.next"), "{x: half}");
  EXPECT_EQ(r.at("nodes.denoise.loop.nodes.half"), "{type: identity, in: prev}");
}

TEST(Insert, RefusesWhatHasNoPlace) {
  EXPECT_EQ(refusal([] { before("digits", "{a: {type: identity}}"); }),
            "b.yaml:3:5: 'digits' has no input '' that is wired; nothing can be inserted in front of it");
  EXPECT_EQ(refusal([] { after("x0", "{t: {type: identity}}"); }), "b.yaml:1:2: there is a node 't' already");
  EXPECT_EQ(refusal([] { after("x0", "{a: {in: t}}"); }), "b.yaml:1:2: node 'a' lacks the key 'type'");
  EXPECT_EQ(refusal([] { after("x0", "{type: identity}"); }),
            "b.yaml:1:1: what is inserted at 'x0' must be a map from names to nodes, like {NAME: {type: "
            "identity}}");
  EXPECT_EQ(refusal([] { after("x0", "[a]"); }),
            "b.yaml:1:1: what is inserted at 'x0' must be a map from names to nodes, like {NAME: {type: "
            "TYPE}}");
}

TEST(Set, SaysThatAPatternEndsAtTheNodesOfTheFileWhereItMeetsSome) {
  EXPECT_EQ(set("**/adam.weight_decay", "0.1").notes,
            std::vector<std::string>{
                "'**/adam' meets nodes of the file; those inside the model are 'model/**/adam'"});
  EXPECT_EQ(set("**/norm*.eps", "1.0e-3").notes, std::vector<std::string>{});
}

TEST(Set, ReachesIntoLoopsAndComposites) {
  EXPECT_EQ(set("denoise/prev.eta", "1").at("nodes.denoise.loop.nodes.prev.eta"), "1");
  EXPECT_EQ(set("denoise/*.doc", "x").at("nodes.denoise.loop.nodes.same.doc"), "x");
  EXPECT_EQ(set("model/mid/attention.heads", "4").at("model"),
            "{type: unet, inside: {mid/attention: {heads: 4}}}");
  EXPECT_EQ(without("model/mid/attention").at("model.inside"), "{mid/attention: null}");
  EXPECT_EQ(after("model/mid/attention", "{soft: {type: dropout, rate: 0.5}}").at("model.inside"),
            "{mid/attention: {after: {soft: {type: dropout, rate: 0.5}}}}");
}

TEST(Set, SuggestsTheKeyOfANode) {
  EXPECT_EQ(refusal([] { set("loss.reduction", "mean"); }),
            "b.yaml:3:5: no 'loss' in a.yaml; did you mean 'nodes.loss.reduction'?");
  EXPECT_EQ(refusal([] { set("denoise/prev", "1"); }),
            "b.yaml:3:5: 'denoise/prev' names a node; a value is one of its keys, like denoise/prev.type");
  EXPECT_EQ(refusal([] { set("modle/mid.heads", "1"); }).substr(0, 61),
            "b.yaml:3:5: no node 'modle/mid' in a.yaml; known are model, d");
}

}  // namespace
}  // namespace dagfusion::tests
