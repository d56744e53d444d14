// Composites that a user writes in YAML.
#include "graph/compose/block.h"

#include <gtest/gtest.h>

#include "graph/compose/change.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGated = R"(
inputs: {x: {shape: "[N,C,H,W] act blocked", doc: feature maps}, shift: {shape: "[N,C] f32", optional: true}}
outputs: {y: sum}
parameters: {groups: {kind: integer, default: 4, minimum: 1, maximum: 64, doc: of the norm}}
nodes:
  sum: {type: add, in: {a: x, b: wide}}
  wide: {type: conv2d, in: norm, channels: "${x_channels}", kernel: 3}
  norm: {type: group_norm, in: {x: x, shift: shift}, groups: "${groups}"}
)";

std::string indented(const std::string& text, int by) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? "\n" + std::string(static_cast<std::size_t>(by), ' ') : std::string(1, c);
  return out;
}

// The small training with a block, in place of what a pattern names.
std::string with_block(const std::string& definition, const std::string& inside) {
  std::string yaml = small_training(3);
  const std::string key = "dropout: 0.1";
  yaml.replace(yaml.find(key), key.size(), key + ", inside: " + inside);
  return yaml + "blocks:\n  gated:" + indented(definition, 4) + "\n";
}

Checked checked(const std::string& yaml) {
  return check(parse_document(yaml, "test.yaml"), catalog(), {.channel_block = channel_block()});
}

std::string refusal(const std::string& definition,
                    const std::string& inside = "{mid/attention: {type: gated}}") {
  try {
    checked(with_block(definition, inside));
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

std::string changed(std::string definition, const std::string& what, const std::string& to) {
  return definition.replace(definition.find(what), what.size(), to);
}

TEST(Block, ExpandsToItsNodes) {
  const Checked c = checked(with_block(kGated, "{mid/attention: {type: gated, groups: 2}}"));
  std::map<std::string, const CheckedNode*> nodes;
  for (const CheckedNode& n : c.nodes) nodes[n.path] = &n;
  ASSERT_TRUE(nodes.count("out/mid/attention/norm"));
  EXPECT_EQ(nodes.at("out/mid/attention/norm")->parameters.integer("groups"), 2);
  EXPECT_EQ(nodes.at("out/mid/attention/wide")->parameters.integer("channels"), 16);
  EXPECT_EQ(nodes.at("out/mid/attention/norm")->inputs.size(), 1u);  // shift is not wired
  EXPECT_EQ(nodes.at("out/mid/block1/norm1")->inputs[0].from.node,
            static_cast<int>(nodes.at("out/mid/attention/sum") - c.nodes.data()));
}

TEST(Block, TrainsAndIsThereWhenTheModelDraws) {
  const ScratchFolder folder;
  const std::string yaml = with_block(kGated, "{'**/attention*': {type: gated}}");
  run_in(folder.path(), yaml);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  ModelSource source{.model = *facts.pipeline.find("model"), .input = facts.model_input};
  for (const Entry& e : facts.pipeline.entries)
    if (e.key == "blocks" || e.key == "diffusion") source.sections.push_back(e);
  const Checked sampling = check(
      parse_document("model: {from: x}\nnodes:\n  n: {type: image_numbers, count: 2}\n"
                     "  x: {type: gaussian_noise, in: n, shape: model}\n"
                     "  t: {type: uniform_timesteps, in: x}\n  out: {type: model, in: {x: x, t: t}}\n",
                     "sample.yaml"),
      catalog(), {.channel_block = channel_block(), .open_model = [&](const auto&, const auto&, const auto&) {
                    return source;
                  }});
  EXPECT_TRUE(std::any_of(sampling.nodes.begin(), sampling.nodes.end(),
                          [](const CheckedNode& n) { return n.path == "out/mid/attention/norm"; }));
}

TEST(Block, CanStandInAnotherBlock) {
  const std::string twice =
      "\n  twice:\n    inputs: {x: '[N,C,H,W] act blocked'}\n    outputs: {y: b}\n    parameters: {}\n"
      "    nodes: {a: {type: gated, in: x}, b: {type: gated, in: a}}";
  std::string yaml = with_block(kGated, "{mid/attention: {type: twice}}");
  yaml.insert(yaml.size() - 1, twice);
  const Checked c = checked(yaml);
  EXPECT_EQ(std::count_if(c.nodes.begin(), c.nodes.end(),
                          [](const CheckedNode& n) { return n.path == "out/mid/attention/b/norm"; }),
            1);
}

TEST(Block, RefusesWhatIsWrongWithItsDefinition) {
  EXPECT_EQ(refusal(changed(kGated, "in: norm,", "in: nrm,")),
            "test.yaml:24:32: block 'gated': node 'wide': 'in' is 'nrm', and there is no node or input "
            "'nrm'; did you mean "
            "'norm'?");
  EXPECT_EQ(refusal(changed(kGated, "{y: sum}", "{y: summ}")),
            "test.yaml:20:18: block 'gated': output 'y' is 'summ', and there is no node or input 'summ'; did "
            "you mean 'sum'?");
  EXPECT_EQ(refusal(changed(kGated, "type: conv2d", "type: conv2")),
            "test.yaml:24:20: block 'gated': node 'wide': no type 'conv2'; did you mean 'conv2d'?");
  EXPECT_EQ(refusal(changed(kGated, "type: conv2d", "type: drawn_digits")),
            "test.yaml:24:20: block 'gated': node 'wide': 'drawn_digits' cannot stand inside another node; "
            "what stands there turns one value into another");
  EXPECT_EQ(refusal(changed(kGated, "kind: integer", "kind: int")),
            "test.yaml:21:33: block 'gated': parameter 'groups': 'kind' is 'int'; known are integer, real, "
            "boolean, text, choice, integers, reals, texts");
  EXPECT_EQ(
      refusal(changed(kGated, "default: 4", "default: 400")),
      "test.yaml:21:51: block 'gated': parameter 'groups': 'groups' is 400; it must be between 1 and 64");
  EXPECT_EQ(refusal(changed(kGated, "[N,C,H,W] act", "N,C,H,W act")),
            "test.yaml:19:17: block 'gated': input 'x': port 'N,C,H,W act blocked': it opens with a shape, "
            "like '[N,C,H,W] f32'\ntest.yaml:23:32: block 'gated': node 'sum': input 'a' is 'x', and there "
            "is no node or input 'x'; known are sum, wide, norm, shift\ntest.yaml:25:40: block 'gated': node "
            "'norm': input 'x' is 'x', and there is no node or input 'x'; known are sum, wide, norm, shift");
  EXPECT_EQ(refusal(changed(kGated, "outputs", "output")),
            "test.yaml:20:5: block 'gated': unknown key 'output'; did you mean 'outputs'?");
  EXPECT_EQ(
      refusal(changed(kGated, "kernel: 3", "kernel: 3, every: 2")),
      "test.yaml:24:83: block 'gated': node 'wide': 'every' has no place in a block, which is for maps");
}

TEST(Block, RefusesWhatIsWrongWithItsUse) {
  EXPECT_EQ(refusal(kGated, "{mid/attention: {type: gated, group: 2}}"),
            "test.yaml:3:148: node 'out/mid/attention' (gated): unknown key 'group'; did you mean 'groups'?");
  EXPECT_EQ(refusal(changed(kGated, "${x_channels}", "${channels}")),
            "test.yaml:24:48: unknown variable 'channels'; did you mean 'x_channels'?");
  EXPECT_EQ(refusal(changed(kGated, "in: {x: x, shift: shift}", "in: sum")),
            "test.yaml:25:36: block 'gated': node 'sum' needs itself; a block has no loops");
  EXPECT_EQ(refusal(changed(kGated, "kernel: 3", "kernal: 3")),
            "test.yaml:24:65: node 'out/mid/attention/wide' (conv2d): unknown key 'kernal'; did you mean "
            "'kernel'?");
}

TEST(Block, ComesFromFilesBesideThePipeline) {
  const ScratchFolder folder;
  fs::create_directory(folder.path() / "blocks");
  std::ofstream(folder.path() / "blocks/gated.yaml") << kGated;
  std::ofstream(folder.path() / "base.yaml") << small_training(3);
  std::ofstream(folder.path() / "delta.yaml")
      << "extends: base.yaml\nblocks: [blocks/gated.yaml]\nreplace: {model/mid/attention: {type: gated}}\n";
  const Composed composed = compose(folder.path() / "delta.yaml", catalog());
  const Checked c = check(composed.file, catalog(), {.channel_block = channel_block()});
  ASSERT_EQ(c.notes.size(), 2u);  // and that the average is slow
  EXPECT_EQ(c.notes[0],
            "section 'model': inside 'mid/attention': 1 gated instead of attention_block; "
            "dropped eps, group_channels, heads, init, norm, skip_scale");
  EXPECT_TRUE(read_block("again", parse_document(kGated, "g.yaml"), catalog()).expand != nullptr);
}

TEST(Block, RefusesFilesThatAreNotThereAndNamesThatAreTaken) {
  const auto refused = [](const std::string& blocks) {
    Tree file = parse_document("nodes: {}\nblocks: " + blocks + "\n", "a.yaml");
    try {
      gather_blocks(file);
      with_own_types(catalog(), file);
    } catch (const UserError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refused("[blocks/none.yaml]"),
            "a.yaml:2:10: 'blocks' names blocks/none.yaml, which does not exist");
  EXPECT_EQ(refused("here"),
            "a.yaml:2:9: 'blocks' must be a list of files, like [blocks/gated_block.yaml], or a map of "
            "definitions");
  EXPECT_EQ(refused("{conv2d: {}}"), "a.yaml:2:10: block 'conv2d': there is a node type of that name");
}

}  // namespace
}  // namespace dagfusion::tests
