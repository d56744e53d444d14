// The JSON Schema of pipeline files and the checker accept
// and refuse the same files, as far as a schema can see.
#include "tools/schema/schema.h"

#include <gtest/gtest.h>

#include "graph/check/check.h"
#include "graph/types/file_keys.h"
#include "nodes/catalog.h"
#include "tests/tools/schema_validator.h"

namespace dagfusion::tests {
namespace {

const SchemaValidator& schema() {
  static const SchemaValidator validator(pipeline_schema(catalog()));
  return validator;
}

const std::string kTraining = R"(
vars: {rate: 2.0e-3, digits: {type: drawn_digits, size: 16}}
run: {seed: 3, steps: 12, batch_size: 12, micro_batch: 3, lanes: auto, output: runs}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, dropout: 0.1}
nodes:
  images:  {type: drawn_digits, size: 16, doc: endless}
  x0:      {type: to_signed, in: images}
  t:       {type: uniform_timesteps, in: x0, stream: times}
  noise:   {type: gaussian_noise, in: x0}
  xt:      {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out:     {type: model, in: {x: xt, t: t}}
  target:  {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss:    {type: mse_loss, in: {prediction: out, target: target}}
  adam:    {type: adam, minimize: loss, learning_rate: "${rate}", warmup_steps: 5, clip_norm: 1.0}
  ema:     {type: weight_average, after: [adam], decay: 0.9}
  log:     {type: metrics_log, in: {loss: loss, grad_norm: adam.grad_norm}, every: 30s}
  save:    {type: checkpoint, every: 3}
)";

const std::string kSampling = R"(
run: {images: 4}
diffusion: {}
model: {type: unet, channels: 8, multipliers: [1, 2], groups: 4, attention_at: []}
nodes:
  digits:  {type: drawn_digits, size: 16}
  x0:      {type: to_signed, in: digits}
  xT:      {type: gaussian_noise, in: x0}
  denoise:
    loop:
      each:  {type: ddim_timesteps, steps: 5}
      carry: {x: xT}
      nodes:
        out:  {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}, eta: 0.5}
      next:    {x: prev}
      collect: {x: prev, every: 2}
  bytes:   {type: to_bytes, in: denoise.x}
  grid:    {type: png_grid, in: bytes}
)";

bool checker_accepts(const std::string& yaml) {
  try {
    Tree tree = parse_document(yaml, "pipeline.yaml");
    substitute_variables(tree);
    check(tree, catalog(), {});
    return true;
  } catch (const UserError&) {
    return false;
  }
}

std::string with(std::string yaml, const std::string& from, const std::string& to) {
  const std::size_t at = yaml.find(from);
  if (at == std::string::npos) throw std::logic_error("no '" + from + "' in the pipeline");
  return yaml.replace(at, from.size(), to);
}

void expect_both(const std::string& yaml, bool accept) {
  EXPECT_EQ(schema().accepts(parse_document(yaml, "pipeline.yaml")), accept) << "the schema, of\n" << yaml;
  EXPECT_EQ(checker_accepts(yaml), accept) << "the checker, of\n" << yaml;
}

TEST(Schema, AcceptsWhatTheCheckerAccepts) {
  expect_both(kTraining, true);
  expect_both(kSampling, true);
  expect_both(with(kTraining, "{type: drawn_digits, size: 16, doc: endless}", "\"${digits}\""), true);
  expect_both(with(kTraining, "every: 30s", "every: 10"), true);
  expect_both(with(kTraining, "after: [adam]", "after: adam"), true);
  expect_both(with(kTraining, "dropout: 0.1", "dropout: 0"), true);
  expect_both(with(kTraining, "lanes: auto", "lanes: 2"), true);
  expect_both(with(kSampling, "diffusion: {}", "diffusion:"), true);
}

TEST(Schema, RefusesWhatTheCheckerRefuses) {
  const std::vector<std::pair<std::string, std::string>> training = {
      {"steps: 12", "steps: 0"},
      {"steps: 12", "steps: 1.5"},
      {"steps: 12", "steps: twelve"},
      {"steps: 12", "steps: '12'"},
      {"steps: 12", "steps: [12]"},
      {"micro_batch: 3", "micro_batch: small"},
      {"lanes: auto", "lanes: 0"},
      {"lanes: auto", "lanes: 1.5"},
      {"seed: 3", "sead: 3"},
      {"schedule: cosine", "schedule: cosin"},
      {"timesteps: 100", "timesteps: 1"},
      {"run: {seed", "runs: {seed"},
      {"type: unet,", "type: unett,"},
      {"type: unet,", ""},
      {"multipliers: [1, 2]", "multipliers: 1"},
      {"multipliers: [1, 2]", "multipliers: [1, two]"},
      {"dropout: 0.1", "dropout: 1.5"},
      {"dropout: 0.1", "drop: 0.1"},
      {"images:  {type: drawn_digits", "images:  {type: drawn_digit"},
      {"images:  {type: drawn_digits, size", "images:  {size"},
      {"size: 16,", "size: 16, colour: red,"},
      {"in: images", "in: {y: images}"},
      {", in: images", ""},
      {"{x0: x0, noise: noise, t: t}", "{x0: x0, noise: noise}"},
      {"minimize: loss, ", ""},
      {"minimize: loss", "minimise: loss"},
      {"learning_rate: \"${rate}\"", "learning_rate: -1"},
      {"decay: 0.9", "decay: high"},
      {"every: 30s", "every: 30 fortnights"},
      {"every: 3}", "every: 0}"},
      {"in: x0, stream: times", "in: x0, stream: times, every: 3"},
      {"doc: endless", "doc: [endless]"},
      {"doc: endless", "on_error: ignore"},
      {"in: {x: xt, t: t}", "in: {x: xt, t: t}, channels: 8"},
      {"images:  {", "1images: {"},
      {"save:    {type: checkpoint, every: 3}", "save: checkpoint"}};
  for (const auto& [from, to] : training) expect_both(with(kTraining, from, to), false);
  const std::vector<std::pair<std::string, std::string>> sampling = {
      {"carry: {x: xT}", "carry: {}"},
      {"      next:    {x: prev}\n", ""},
      {"      carry: {x: xT}\n", ""},
      {"collect: {", "collects: {"},
      {"steps: 5", "steps: 0"},
      {"each:  {type: ddim_timesteps, steps: 5}", "each: {steps: 5}"},
      {"eta: 0.5", "eta: half"},
      {"every: 2", "every: often"},
      {"  denoise:\n    loop:", "  denoise:\n    repeat: 2\n    loop:"}};
  for (const auto& [from, to] : sampling) expect_both(with(kSampling, from, to), false);
  expect_both("run: {images: 1}\n", false);
  expect_both("nodes: {}\n", false);
}

// A keyword the validator does not know would be passed over.
void collect_keywords(const nlohmann::ordered_json& schema, std::set<std::string>& found) {
  for (const auto& [key, value] : schema.items()) {
    found.insert(key);
    const bool named = key == "properties" || key == "definitions";
    const bool nested = key == "not" || key == "if" || key == "then" || key == "else" || key == "items" ||
                        key == "propertyNames" || (key == "additionalProperties" && value.is_object());
    if (named || key == "anyOf" || key == "allOf")
      for (const auto& one : value) collect_keywords(one, found);
    if (nested) collect_keywords(value, found);
  }
}

TEST(Schema, UsesOnlyKeywordsThatItsTestsKnow) {
  std::set<std::string> found;
  collect_keywords(pipeline_schema(catalog()), found);
  for (const std::string& keyword : found)
    EXPECT_TRUE(SchemaValidator::keywords().contains(keyword)) << keyword;
}

TEST(Schema, KnowsFilesThatSayWhatDiffers) {
  const auto accepts = [](const std::string& yaml) {
    return schema().accepts(parse_document(yaml, "delta.yaml"));
  };
  EXPECT_TRUE(
      accepts("extends: a.yaml\nset: {run.steps: 9}\nreplace: {loss: {type: huber_loss}}\nremove: [flipped]\n"
              "insert: {after: {x0: {y: {type: silu}}}}\nblocks: [b.yaml]\n"
              "sweep: {axes: {run.seed: [1]}, seeds: [1], metric: {column: loss}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nrun: {steps: 9}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nremove: flipped\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nreplace: {loss: {delta: 1}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nreplace: {loss: {type: hubber_loss}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nreplace: {loss: {type: huber_loss, delat: 1}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\ninsert: {behind: {}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\ninsert: {after: {x0: {y: {in: x0}}}}\n"));
  EXPECT_FALSE(accepts("extends: a.yaml\nsweep: {axes: {run.seed: [1]}, seeds: [1]}\n"));
  expect_both(with(kTraining, "dropout: 0.1", "inside: {mid/attention: {heads: 2}}"), true);
  expect_both(with(kTraining, "dropout: 0.1", "inside: 3"), false);
}

TEST(Schema, KnowsBlocksInAFileOfTheirOwnAndInAPipeline) {
  const std::string block =
      "inputs: {x: {shape: '[N,C,H,W] act'}}\noutputs: {y: n}\n"
      "parameters: {p: {kind: integer, default: 8, doc: groups}}\n"
      "nodes: {n: {type: group_norm, in: x, groups: '${p}'}}\n";
  const auto accepts = [](const std::string& yaml) {
    return schema().accepts(parse_document(yaml, "block.yaml"));
  };
  EXPECT_TRUE(accepts(block));
  const std::vector<std::pair<std::string, std::string>> wrong = {{"shape:", "shap:"},
                                                                  {"outputs:", "output:"},
                                                                  {"kind: integer", "kind: whole"},
                                                                  {"doc: groups", "dok: groups"},
                                                                  {"group_norm", "grup_norm"},
                                                                  {", groups:", ", group:"},
                                                                  {"in: x, ", "in: x, when: x, "},
                                                                  {"in: x, ", ""},
                                                                  {"type: group_norm", "type: drawn_digits"}};
  for (const auto& [from, to] : wrong) EXPECT_FALSE(accepts(with(block, from, to))) << to;
  const std::string inside = with(kTraining, "nodes:\n",
                                  "blocks: {twice: {inputs: {x: '[...] f32'}, "
                                  "outputs: {y: n}, nodes: {n: {type: identity, in: x}}}}\nnodes:\n");
  expect_both(inside, true);
  expect_both(with(inside, "inputs: {x", "input: {x"), false);
  expect_both(with(inside, "type: identity", "type: idenity"), false);
}

// An editor shows one fault for each branch that something of the wrong kind gets into.
TEST(Schema, AsksForAMapBeforeItGoesIntoTheKeysOfAType) {
  const nlohmann::ordered_json made = pipeline_schema(catalog());
  for (const char* definition : {"node", "new_node", "model"}) {
    EXPECT_FALSE(made["definitions"][definition]["allOf"].empty());
    for (const auto& one : made["definitions"][definition]["allOf"])
      EXPECT_EQ(one["if"]["type"], "object") << definition << ": " << one["if"];
  }
}

TEST(Schema, SaysWhatEachTypeIs) {
  const nlohmann::ordered_json made = pipeline_schema(catalog());
  const auto& type = made["definitions"]["node"]["properties"]["type"]["anyOf"][0];
  ASSERT_EQ(type["enum"].size(), type["enumDescriptions"].size());
  ASSERT_GT(type["enum"].size(), 40U);
  for (std::size_t i = 1; i < type["enum"].size(); ++i) {
    const auto& node = made["definitions"]["node_" + type["enum"][i].get<std::string>()];
    EXPECT_EQ(type["enumDescriptions"][i], node["description"]);
    EXPECT_EQ(node["properties"]["type"]["description"], node["description"]);
  }
}

TEST(Schema, KnowsEveryKeyThatTheCheckerKnows) {
  const nlohmann::ordered_json made = pipeline_schema(catalog());
  for (const std::string& key : top_level_keys(catalog()))
    EXPECT_TRUE(made["definitions"]["pipeline"]["properties"].contains(key)) << key;
  const auto& node = made["definitions"]["node_silu"]["properties"];
  for (const std::string& key : kNodeKeys) EXPECT_EQ(node.contains(key), key != "every") << key;
  EXPECT_TRUE(made["definitions"]["node_checkpoint"]["properties"].contains("every"));
  const auto& loop = made["definitions"]["loop"]["properties"]["loop"]["properties"];
  for (const std::string& key : kLoopKeys) EXPECT_TRUE(loop.contains(key)) << key;
}

}  // namespace
}  // namespace dagfusion::tests
