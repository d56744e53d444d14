// Sections of the file that nodes read: the object a section is made into, and the class a node asks for.
#include <gtest/gtest.h>

#include "graph/check/check.h"

namespace dagfusion {
namespace {

struct Scale final : Resource {
  explicit Scale(const Parameters& p) : by(p.real("by")) {}
  std::vector<std::string> warnings() const override {
    return by == 0 ? std::vector<std::string>{"section 'scale': 'by' is 0"} : std::vector<std::string>{};
  }
  double by;
};

struct Offset final : Resource {};

struct Scaled final : Map {
  explicit Scaled(Setup& setup) : by(setup.resource<Scale>(setup.text("of")).by), y(setup.output("y", {})) {}
  void forward(Call& call) const override { *call.out<float>(y) = static_cast<float>(by); }
  double by;
  Output y;
};

// Only for machines with blocks of 16 channels.
struct Wide final : Map {
  explicit Wide(Setup& setup) : y(setup.output("y", {})) {
    if (setup.run().channel_block != 16) setup.fail("other blocks");
  }
  void forward(Call&) const override {}
  Output y;
};

const Catalog& two_sections() {
  static const Catalog all{
      .nodes = {{.name = "scaled",
                 .outputs = {{"y", "[] f32", "the factor"}},
                 .parameters = {{.name = "of", .kind = Kind::text, .doc = "a section", .required = true}},
                 .create = make_node<Scaled>},
                {.name = "wide", .outputs = {{"y", "[] f32", "nothing"}}, .create = make_node<Wide>}},
      .sections = {{"scale",
                    "How much.",
                    {{.name = "by", .kind = Kind::real, .doc = "factor", .standard = 1.0}},
                    [](const Parameters& p) { return std::make_unique<Scale>(p); }},
                   {"offset", "How far.", {}, [](const Parameters&) { return std::make_unique<Offset>(); }}}};
  return all;
}

Checked checked(const std::string& yaml) {
  return check(parse_document("run: {images: 1}\n" + yaml, "a.yaml"), two_sections(), {});
}

std::string refusal(const std::string& yaml) {
  try {
    checked(yaml);
    return "";
  } catch (const UserError& e) {
    return e.what();
  }
}

TEST(CheckSection, GivesTheObjectToWhoReadsIt) {
  const Checked made = checked("scale: {by: 2.5}\nnodes: {y: {type: scaled, of: scale}}\n");
  EXPECT_EQ(dynamic_cast<const Scaled&>(*made.nodes[0].node).by, 2.5);
}

TEST(CheckSection, RefusesASectionThatIsNotThere) {
  EXPECT_EQ(
      refusal("nodes: {y: {type: scaled, of: scale}}\n"),
      "a.yaml:2:9: node 'y' (scaled): reads the section 'scale', which this file lacks; 'scale: {}' is one "
      "with the defaults");
}

TEST(CheckSection, RefusesAnObjectOfAnotherClass) {
  EXPECT_EQ(
      refusal("offset: {}\nnodes: {y: {type: scaled, of: offset}}\n"),
      "a.yaml:2:1: node 'y' (scaled): reads the section 'offset' as Scale, but that is made into Offset; a "
      "node type and the section it reads must belong together");
}

TEST(CheckSection, KeepsWhatTheObjectWarnsOf) {
  const Checked made = checked("scale: {by: 0}\nnodes: {y: {type: scaled, of: scale}}\n");
  EXPECT_EQ(made.resources.at("scale")->warnings(), std::vector<std::string>{"section 'scale': 'by' is 0"});
}

TEST(CheckSection, ReportsOfARunWithFaultsNothingThatFollowsFromThem) {
  try {
    check(parse_document("run: {images: 1, precision: half}\nnodes: {y: {type: wide}}\n", "a.yaml"),
          two_sections(), {.channel_block = 16});
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "a.yaml:1:29: section 'run': 'precision' is 'half'; known are float32, bfloat16");
  }
}

}  // namespace
}  // namespace dagfusion
