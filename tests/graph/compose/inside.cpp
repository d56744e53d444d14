// The key `inside`: what is different about the nodes of a composite.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

std::string with_inside(const std::string& inside) {
  std::string yaml = small_training(3);
  const std::string key = "dropout: 0.1";
  return yaml.replace(yaml.find(key), key.size(), key + ", inside: " + inside);
}

Checked checked(const std::string& yaml) {
  return check(parse_document(yaml, "test.yaml"), catalog(), {.channel_block = channel_block()});
}

std::map<std::string, std::string> types(const Checked& c) {
  std::map<std::string, std::string> found;
  for (const CheckedNode& n : c.nodes) found[n.path] = n.type->name;
  return found;
}

std::string refusal(const std::string& inside) {
  try {
    checked(with_inside(inside));
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Inside, ReplacesWhatMatchesAPattern) {
  const Checked c = checked(with_inside("{'**/attention*': {type: identity}}"));
  std::map<std::string, std::string> now = types(c), was = types(checked(small_training(3)));
  EXPECT_EQ(was.at("out/mid/attention/q"), "conv2d");
  EXPECT_EQ(now.count("out/mid/attention/q"), 0u);
  EXPECT_EQ(now.at("out/mid/attention"), "identity");
  ASSERT_EQ(c.notes.size(), 2u);  // and that the average is slow
  EXPECT_EQ(c.notes[0],
            "section 'model': inside '**/attention*': 4 identity instead of attention_block; "
            "dropped eps, group_channels, groups, heads, init, norm, skip_scale");
}

TEST(Inside, SetsParameters) {
  const Checked c = checked(with_inside("{mid/attention: {heads: 2}, '**/norm1': {eps: 1e-5}}"));
  int heads_2 = 0, eps = 0;
  for (const CheckedNode& n : c.nodes) {
    if (n.type->name == "attention") heads_2 += n.parameters.integer("heads") == 2;
    if (n.path.ends_with("/norm1")) eps += n.parameters.real("eps") == 1e-5;
  }
  EXPECT_EQ(heads_2, 1);
  EXPECT_EQ(eps, 8);  // residual blocks
}

TEST(Inside, TakesNodesOut) {
  const Checked c = checked(with_inside("{mid/attention: null, '**/dropout': null}"));
  for (const auto& [path, type] : types(c)) {
    EXPECT_FALSE(path.starts_with("out/mid/attention")) << path;
    EXPECT_NE(type, "dropout") << path;
  }
}

TEST(Inside, PutsNodesInFrontAndBehind) {
  const Checked c = checked(
      with_inside("{mid/block0: {before: {soft: {type: dropout, rate: 0.5}}, after: {last: {type: silu}}}}"));
  std::map<std::string, std::string> now = types(c);
  EXPECT_EQ(now.at("out/mid/soft"), "dropout");
  EXPECT_EQ(now.at("out/mid/last"), "silu");
  for (const CheckedNode& n : c.nodes) {
    if (n.path == "out/mid/block0/norm1") {
      EXPECT_EQ(c.nodes[n.inputs[0].from.node].path, "out/mid/soft");
    }
    if (n.path == "out/mid/attention/norm") {
      EXPECT_EQ(c.nodes[n.inputs[0].from.node].path, "out/mid/last");
    }
  }
}

TEST(Inside, LaterEntriesWin) {
  const Checked c = checked(with_inside("{'**/norm1': {eps: 1e-5}, down0/block0/norm1: {eps: 1e-4}}"));
  for (const CheckedNode& n : c.nodes)
    if (n.path == "out/down0/block0/norm1") {
      EXPECT_EQ(n.parameters.real("eps"), 1e-4);
    }
}

TEST(
    Inside,
    TrainsLikeTheNetworkItDescribes) {  // without attention blocks: as if there had been none outside the middle
  const ScratchFolder inside, plain;
  std::string none = small_training(3);
  none.replace(none.find("attention_at: [8]"), 17, "attention_at: []");
  run_in(inside.path(), with_inside("{'*/attention0': null, '*/attention1': null}"));
  run_in(plain.path(), none);
  EXPECT_EQ(log_without_seconds(inside.path()), log_without_seconds(plain.path()));
}

TEST(Inside, RefusesWhatMatchesNothingOnce) {
  EXPECT_EQ(
      refusal("{mid/atention: {heads: 2}}"),
      "test.yaml:3:119: section 'model': inside has no node 'mid/atention'; did you mean 'mid/attention'?");
  EXPECT_EQ(refusal("{'**/norm9': {eps: 1}}").substr(0, 65),
            "test.yaml:3:119: section 'model': inside has no node '**/norm9'; ");
}

TEST(Inside, RefusesWrongTypesAndParameters) {
  EXPECT_EQ(refusal("{mid/attention: {type: identty}}"),
            "test.yaml:3:141: section 'model': inside 'mid/attention': no type 'identty'; did you mean "
            "'identity'?");
  EXPECT_EQ(refusal("{mid/attention: {head: 2}}"),
            "test.yaml:3:135: node 'out/mid/attention' (attention_block): unknown key 'head'; did you mean "
            "'heads'?");
  EXPECT_EQ(refusal("[mid/attention]"),
            "test.yaml:3:118: section 'model': 'inside' must be a map from nodes inside to what is different "
            "about them, like "
            "{PATH: {PARAMETER: VALUE}}");
  EXPECT_EQ(refusal("{mid/attention: 3}"),
            "test.yaml:3:134: section 'model': inside 'mid/attention' must be a map of parameters, or null "
            "to take the node out");
  EXPECT_EQ(refusal("{mid/attention: {after: {x: {type: drawn_digits}}}}"),
            "test.yaml:3:153: inside 'out': node 'x': 'drawn_digits' cannot stand inside another node; what "
            "stands there turns one value into another");
}

TEST(Inside, IsForComposites) {
  std::string yaml = small_training(3);
  yaml.replace(yaml.find("in: images}"), 11, "in: images, inside: {}}");
  try {
    checked(yaml);
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(),
                 "test.yaml:6:45: node 'x0' (to_signed): 'inside' is for composites; this is one node");
  }
}

}  // namespace
}  // namespace dagfusion::tests
