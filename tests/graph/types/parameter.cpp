#include "graph/types/parameter.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dagfusion {
namespace {

constexpr const char* kOwner = "node 'norm' (group_norm)";

// The faults of one node's parameters, one a line.
struct Outcome {
  Parameters parameters;
  std::string faults;
};

Outcome read(const std::string& yaml, const std::vector<Parameter>& declared,
             const std::vector<std::string>& others = {}) {
  std::vector<Fault> faults;
  Outcome outcome{Parameters::read(parse_document(yaml, "t.yaml"), declared, others, kOwner, faults), ""};
  if (!faults.empty()) outcome.faults = UserError(faults).what();
  return outcome;
}

// What is wrong with `x: VALUE`, without position and owner; "" when nothing is.
std::string wrong(Parameter declared, const std::string& value) {
  declared.name = "x";
  const std::string faults = read("x: " + value, {declared}).faults;
  const std::string opening = std::string("t.yaml:1:4: ") + kOwner + ": ";
  if (faults.rfind(opening, 0) == 0) return faults.substr(opening.size());
  return faults;
}

template <class T>
T value(Parameter declared, const std::string& text) {
  declared.name = "x";
  const Outcome outcome = read("x: " + text, {declared});
  EXPECT_EQ(outcome.faults, "");
  return std::get<T>(outcome.parameters.setting("x"));
}

const Parameter kInteger{.kind = Kind::integer}, kReal{.kind = Kind::real}, kBoolean{.kind = Kind::boolean},
    kText{.kind = Kind::text}, kIntegers{.kind = Kind::integers}, kReals{.kind = Kind::reals},
    kTexts{.kind = Kind::texts}, kMap{.kind = Kind::map},
    kChoice{.kind = Kind::choice, .choices = {"linear", "cosine"}};

TEST(Parameters, ReadIntegers) {
  EXPECT_EQ(value<std::int64_t>(kInteger, "12"), 12);
  EXPECT_EQ(value<std::int64_t>(kInteger, "-3"), -3);
  EXPECT_EQ(value<std::int64_t>(kInteger, "+3"), 3);
  EXPECT_EQ(value<std::int64_t>(kInteger, "0"), 0);
  EXPECT_EQ(value<std::int64_t>(kInteger, "9223372036854775807"), INT64_MAX);
  EXPECT_EQ(value<std::int64_t>(kInteger, "-9223372036854775808"), INT64_MIN);
}

TEST(Parameters, RefuseWhatIsNoInteger) {
  EXPECT_EQ(wrong(kInteger, "many"), "'x' is 'many'; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "1.5"), "'x' is 1.5; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "1e3"), "'x' is 1e3; it must be an integer; as an integer it is 1000");
  EXPECT_EQ(wrong(kInteger, "8.0"), "'x' is 8.0; it must be an integer; as an integer it is 8");
  EXPECT_EQ(wrong(kInteger, "010"), "'x' is 010; it must be an integer; without leading zeros it is 10");
  EXPECT_EQ(wrong(kInteger, "-00"), "'x' is -00; it must be an integer; without leading zeros it is -0");
  EXPECT_EQ(wrong(kInteger, "0x10"), "'x' is 0x10; it must be an integer; in decimal digits it is 16");
  EXPECT_EQ(wrong(kInteger, "1_000"), "'x' is 1_000; it must be an integer; without underscores it is 1000");
  EXPECT_EQ(wrong(kInteger, "12px"), "'x' is 12px; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "true"), "'x' is 'true'; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "[1]"), "'x' is a list; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "{a: 1}"), "'x' is a map; it must be an integer");
  EXPECT_EQ(wrong(kInteger, "~"), "'x' is empty; it must be an integer");
}

TEST(Parameters, NeverTakeAQuotedTextForANumber) {
  EXPECT_EQ(wrong(kInteger, "'12'"), "'x' is the text '12'; an integer would be 12 without quotes");
  EXPECT_EQ(wrong(kInteger, "\"many\""), "'x' is the text 'many'; it must be an integer");
  EXPECT_EQ(wrong(kReal, "'0.5'"), "'x' is the text '0.5'; a number would be 0.5 without quotes");
  EXPECT_EQ(wrong(kBoolean, "'true'"), "'x' is the text 'true'; a truth value would be true without quotes");
}

TEST(Parameters, RefuseNumbersThatOverflow) {
  EXPECT_EQ(wrong(kInteger, "9223372036854775808"),
            "'x' is 9223372036854775808; it must be at most 9223372036854775807");
  EXPECT_EQ(wrong(kInteger, "-9223372036854775809"),
            "'x' is -9223372036854775809; it must be at least -9223372036854775808");
  EXPECT_EQ(wrong(kReal, "1e999"), "'x' is 1e999; it must be a number that 64 bits can hold");
  EXPECT_EQ(wrong(kReal, "1e-999"), "'x' is 1e-999; it must be a number that 64 bits can hold");
}

TEST(Parameters, ReadReals) {
  EXPECT_EQ(value<double>(kReal, "2.0e-4"), 2e-4);
  EXPECT_EQ(value<double>(kReal, "-1"), -1.0);
  EXPECT_EQ(value<double>(kReal, ".5"), 0.5);
  EXPECT_EQ(value<double>(kReal, "+1E3"), 1000.0);
}

TEST(Parameters, RefuseWhatIsNoReal) {
  EXPECT_EQ(wrong(kReal, ".inf"), "'x' is .inf; it must be a finite number");
  EXPECT_EQ(wrong(kReal, "nan"), "'x' is nan; it must be a finite number");
  EXPECT_EQ(wrong(kReal, "-inf"), "'x' is -inf; it must be a finite number");
  EXPECT_EQ(wrong(kReal, "01.5"), "'x' is 01.5; it must be a number; without leading zeros it is 1.5");
  EXPECT_EQ(wrong(kReal, "0,5"), "'x' is '0,5'; it must be a number");
  EXPECT_EQ(wrong(kReal, "1e"), "'x' is 1e; it must be a number");
  EXPECT_EQ(wrong(kReal, "."), "'x' is '.'; it must be a number");
  EXPECT_EQ(wrong(kReal, std::string(70, 'a')),
            "'x' is '" + std::string(64, 'a') + "…'; it must be a number");
}

TEST(Parameters, ReadTruthValuesAsTrueAndFalseOnly) {
  EXPECT_TRUE(value<bool>(kBoolean, "true"));
  EXPECT_FALSE(value<bool>(kBoolean, "false"));
  EXPECT_EQ(wrong(kBoolean, "yes"), "'x' is 'yes'; it must be true or false; did you mean true?");
  EXPECT_EQ(wrong(kBoolean, "Off"), "'x' is 'Off'; it must be true or false; did you mean false?");
  EXPECT_EQ(wrong(kBoolean, "1"), "'x' is 1; it must be true or false; did you mean true?");
  EXPECT_EQ(wrong(kBoolean, "maybe"), "'x' is 'maybe'; it must be true or false");
}

TEST(Parameters, ReadTexts) {
  EXPECT_EQ(value<std::string>(kText, "data/a.h5"), "data/a.h5");
  EXPECT_EQ(value<std::string>(kText, "2024"), "2024");
  EXPECT_EQ(value<std::string>(kText, "''"), "");
  EXPECT_EQ(wrong(kText, "[a]"), "'x' is a list; it must be a text");
}

TEST(Parameters, ReadChoices) {
  EXPECT_EQ(value<std::string>(kChoice, "cosine"), "cosine");
  EXPECT_EQ(wrong(kChoice, "liner"), "'x' is 'liner'; did you mean 'linear'?");
  EXPECT_EQ(wrong(kChoice, "sigmoid"), "'x' is 'sigmoid'; known are linear, cosine");
  EXPECT_EQ(wrong(kChoice, "~"), "'x' is empty; it must be one of linear, cosine");
}

TEST(Parameters, ReadLists) {
  EXPECT_EQ(value<std::vector<std::int64_t>>(kIntegers, "[1, 2, 2]"), (std::vector<std::int64_t>{1, 2, 2}));
  EXPECT_EQ(value<std::vector<std::int64_t>>(kIntegers, "[]"), std::vector<std::int64_t>{});
  EXPECT_EQ(value<std::vector<double>>(kReals, "[0, 0.5]"), (std::vector<double>{0, 0.5}));
  EXPECT_EQ(value<std::vector<std::string>>(kTexts, "[a, '2']"), (std::vector<std::string>{"a", "2"}));
}

TEST(Parameters, RefuseListsAtTheItemThatIsWrong) {
  EXPECT_EQ(wrong(kIntegers, "2"), "'x' is 2; it must be a list: [2]");
  EXPECT_EQ(wrong(kTexts, "a"), "'x' is 'a'; it must be a list: [a]");
  EXPECT_EQ(wrong(kIntegers, "{a: 1}"), "'x' is a map; it must be a list");
  EXPECT_EQ(wrong(kIntegers, "~"), "'x' is empty; it must be a list");
  const std::string opening = std::string(kOwner) + ": ";
  EXPECT_EQ(wrong(kIntegers, "[1, 2.5]"), "t.yaml:1:8: " + opening + "'x[1]' is 2.5; it must be an integer");
  EXPECT_EQ(wrong({.kind = Kind::integers, .minimum = 1}, "[1, 0]"),
            "t.yaml:1:8: " + opening + "'x[1]' is 0; it must be at least 1");
}

TEST(Parameters, KeepMapsAsWritten) {
  const Outcome outcome =
      read("x: {type: ddim_timesteps, steps: 50}", {{.name = "x", .kind = Kind::map, .required = true}});
  EXPECT_EQ(outcome.faults, "");
  ASSERT_EQ(outcome.parameters.tree("x").entries.size(), 2u);
  EXPECT_EQ(outcome.parameters.tree("x").entries[1].value.text, "50");
  EXPECT_TRUE(outcome.parameters.has("x"));
  EXPECT_EQ(wrong(kMap, "3"), "'x' is 3; it must be a map");
  EXPECT_FALSE(read("{}", {{.name = "x", .kind = Kind::map}}).parameters.has("x"));
}

TEST(Parameters, KeepToTheRange) {
  EXPECT_EQ(wrong({.kind = Kind::integer, .minimum = 1}, "0"), "'x' is 0; it must be at least 1");
  EXPECT_EQ(wrong({.kind = Kind::integer, .maximum = 5}, "6"), "'x' is 6; it must be at most 5");
  const Parameter probability{.kind = Kind::real, .minimum = 0, .maximum = 1};
  EXPECT_EQ(wrong(probability, "1.5"), "'x' is 1.5; it must be between 0 and 1");
  EXPECT_EQ(wrong(probability, "-1e-9"), "'x' is -1e-9; it must be between 0 and 1");
  EXPECT_EQ(wrong(probability, "0"), "");
  EXPECT_EQ(wrong(probability, "1"), "");
  EXPECT_EQ(wrong({.kind = Kind::real, .minimum = 0, .above_minimum = true}, "0"),
            "'x' is 0; it must be above 0");
  EXPECT_EQ(wrong({.kind = Kind::real, .minimum = 0, .maximum = 1, .above_minimum = true}, "0"),
            "'x' is 0; it must be above 0 and at most 1");
}

const std::vector<Parameter> kGroupNorm = {
    {.name = "groups", .kind = Kind::integer, .doc = "groups", .standard = 32, .minimum = 1},
    {.name = "epsilon", .kind = Kind::real, .doc = "added to the variance", .standard = 1e-5},
    {.name = "channels", .kind = Kind::integer, .doc = "output channels", .required = true, .minimum = 1},
    {.name = "note", .kind = Kind::text, .doc = "anything"}};

TEST(Parameters, TakeDefaultsForWhatIsNotGiven) {
  const Outcome outcome = read("channels: 4", kGroupNorm);
  EXPECT_EQ(outcome.faults, "");
  EXPECT_EQ(outcome.parameters.integer("groups"), 32);
  EXPECT_EQ(outcome.parameters.real("epsilon"), 1e-5);
  EXPECT_EQ(outcome.parameters.integer("channels"), 4);
  EXPECT_TRUE(outcome.parameters.has("groups"));
  EXPECT_FALSE(outcome.parameters.has("note"));
}

TEST(Parameters, TakeAWholeNumberAsTheDefaultOfAReal) {
  EXPECT_EQ(read("{}", {{.name = "eta", .kind = Kind::real, .standard = 1}}).parameters.real("eta"), 1.0);
}

TEST(Parameters, ReportAllFaultsAtTheirPlaces) {
  const Outcome outcome = read("groups: 0\nepsilon: small\nchanels: 3", kGroupNorm, {"type", "in"});
  EXPECT_EQ(outcome.faults,
            "t.yaml:1:9: node 'norm' (group_norm): 'groups' is 0; it must be at least 1\n"
            "t.yaml:2:10: node 'norm' (group_norm): 'epsilon' is 'small'; it must be a number\n"
            "t.yaml:3:1: node 'norm' (group_norm): unknown key 'chanels'; did you mean 'channels'?");
  EXPECT_EQ(outcome.parameters.integer("groups"), 32);  // the default, so that checking can go on
}

TEST(Parameters, LeaveTheKeysOfOthersAlone) {
  EXPECT_EQ(read("{type: group_norm, channels: 4}", kGroupNorm, {"type", "in"}).faults, "");
  EXPECT_EQ(read("{typ: group_norm, channels: 4}", kGroupNorm, {"type", "in"}).faults,
            "t.yaml:1:2: node 'norm' (group_norm): unknown key 'typ'; did you mean 'type'?");
  EXPECT_EQ(read("{x: 1}", {}).faults, "t.yaml:1:2: node 'norm' (group_norm): unknown key 'x'");
}

TEST(Parameters, RefuseSettingsThatAreNoMap) {
  EXPECT_EQ(read("[1]", {}).faults,
            "t.yaml:1:1: node 'norm' (group_norm) is a list; it must be a map of settings");
  EXPECT_EQ(read("unet", {}).faults,
            "t.yaml:1:1: node 'norm' (group_norm) is 'unet'; it must be a map of settings");
}

TEST(Parameters, FailAtTheValueOrAtTheOwner) {
  const Parameters parameters = read("channels: 30", kGroupNorm).parameters;
  const auto told = [&](auto... arguments) {
    try {
      parameters.fail(arguments...);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(told("channels", "'channels' is 30"), "t.yaml:1:11: node 'norm' (group_norm): 'channels' is 30");
  EXPECT_EQ(told("groups", "'groups' is 32"), "t.yaml:1:1: node 'norm' (group_norm): 'groups' is 32");
  EXPECT_EQ(told("no image"), "t.yaml:1:1: node 'norm' (group_norm): no image");
}

TEST(Parameters, AreMadeByProgramWithTheSameChecks) {
  std::vector<Fault> faults;
  const Position where{"t.yaml", 7, 3};
  const Parameters made =
      Parameters::make({{"groups", 8}, {"channels", 16}, {"note", std::string("12")}, {"epsilon", Unset{}}},
                       kGroupNorm, kOwner, where, faults);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(made.integer("groups"), 8);
  EXPECT_EQ(made.text("note"), "12");
  EXPECT_EQ(made.real("epsilon"), 1e-5);
  Parameters::make({{"groups", 0}, {"group", 1}, {"channels", 2.5}}, kGroupNorm, kOwner, where, faults);
  EXPECT_STREQ(UserError(faults).what(),
               "t.yaml:7:3: node 'norm' (group_norm): unknown key 'group'; did you mean 'groups'?\n"
               "t.yaml:7:3: node 'norm' (group_norm): 'groups' is 0; it must be at least 1\n"
               "t.yaml:7:3: node 'norm' (group_norm): 'channels' is 2.5; it must be an integer");
}

template <class Work>
std::string mistake(Work work) {
  try {
    work();
    return "";
  } catch (const std::logic_error& error) {
    return error.what();
  }
}

TEST(Parameters, TellOurOwnMistakesApart) {
  const Parameters parameters = read("channels: 4", kGroupNorm).parameters;
  EXPECT_EQ(mistake([&] { parameters.integer("size"); }),
            "node 'norm' (group_norm): parameter 'size' was never declared");
  EXPECT_EQ(mistake([&] { parameters.text("note"); }),
            "node 'norm' (group_norm): parameter 'note' has no value of the kind that was asked for");
  EXPECT_EQ(mistake([&] { read("{}", {{.name = "size", .standard = 0, .minimum = 1}}); }),
            "default of a parameter: 'size' is 0; it must be at least 1");
}

TEST(Setting, IsWrittenAsInYaml) {
  EXPECT_EQ(to_string(Setting{}), "");
  EXPECT_EQ(to_string(Setting{std::int64_t{12}}), "12");
  EXPECT_EQ(to_string(Setting{2.0}), "2.0");
  EXPECT_EQ(to_string(Setting{2e-4}), "0.0002");
  EXPECT_EQ(to_string(Setting{true}), "true");
  EXPECT_EQ(to_string(Setting{std::string("data/a.h5")}), "data/a.h5");
  EXPECT_EQ(to_string(Setting{std::string("12")}), "\"12\"");
  EXPECT_EQ(to_string(Setting{std::string("True")}), "\"True\"");
  EXPECT_EQ(to_string(Setting{std::string("")}), "\"\"");
  EXPECT_EQ(to_string(Setting{std::string("a: \"b\"\n")}), "\"a: \\\"b\\\"\\x0a\"");
  EXPECT_EQ(to_string(Setting{std::vector<std::int64_t>{1, 2, 2}}), "[1, 2, 2]");
  EXPECT_EQ(to_string(Setting{std::vector<std::string>{"a", "no"}}), "[a, \"no\"]");
}

TEST(Setting, ReadsBackFromYaml) {
  for (const std::string text :
       {"plain", "12", "~", "a: b #c", "'\"\\", "- x", "null", "tab\there", "ä", ".inf"}) {
    const std::string yaml = "x: " + to_string(Setting{text});
    const Outcome outcome = read(yaml, {{.name = "x", .kind = Kind::text}});
    EXPECT_EQ(outcome.faults, "") << yaml;
    EXPECT_EQ(outcome.parameters.text("x"), text) << yaml;
  }
}

TEST(Kind, HasAName) { EXPECT_EQ(name_of(Kind::integers), "integers"); }

}  // namespace
}  // namespace dagfusion
