#include <gtest/gtest.h>

#include "graph/document/document.h"

namespace dagfusion {
namespace {

Tree substituted(const std::string& yaml) {
  Tree root = parse_document(yaml, "a.yaml");
  substitute_variables(root);
  return root;
}

std::string refusal(const std::string& yaml) {
  try {
    substituted(yaml);
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Substitute, PutsTheValueWhereTheVariableIsUsed) {
  Tree root = substituted("vars: {n: 16}\nrun: {steps: '${n}'}\n");
  const Tree* steps = root.find("run")->find("steps");
  EXPECT_EQ(steps->text, "16");
  EXPECT_FALSE(steps->quoted);  // a number, although "${n}" had to be quoted
  EXPECT_EQ(to_string(steps->where), "a.yaml:2:14");
  EXPECT_EQ(to_string(root.find("vars")->find("n")->where), "a.yaml:1:11");
}

TEST(Substitute, KeepsTextText) { EXPECT_TRUE(substituted("vars: {n: '16'}\na: ${n}\n").find("a")->quoted); }

TEST(Substitute, PutsInListsMapsAndNullWhole) {
  Tree root =
      substituted("vars: {l: [1, 2], m: {x: [3]}, e: }\na: ${l}\nb:\n  c: ${m}\nd: ['${l}', '${e}']\n");
  EXPECT_EQ(write_document(*root.find("a")), "[1, 2]\n");
  EXPECT_EQ(to_string(root.find("a")->items[1].where), "a.yaml:2:4");
  const Tree* map = root.find("b")->find("c");
  EXPECT_EQ(map->find("x")->items[0].text, "3");
  EXPECT_EQ(to_string(map->find("x")->where), "a.yaml:4:6");
  EXPECT_EQ(to_string(map->entries[0].where), "a.yaml:4:6");
  EXPECT_EQ(root.find("d")->items[0].items.size(), 2u);
  EXPECT_TRUE(root.find("d")->items[1].is_null());
}

TEST(Substitute, PutsTextInsideALongerText) {
  EXPECT_EQ(substituted("vars: {d: data, n: 32}\na: ${d}/emoji${n}.h5\n").find("a")->text, "data/emoji32.h5");
  EXPECT_EQ(substituted("vars: {d: x}\na: ${d}${d}\n").find("a")->text, "xx");
  EXPECT_EQ(substituted("vars: {d: ''}\na: ${d}${d}\n").find("a")->text, "");
}

TEST(Substitute, LetsVariablesUseEachOther) {
  Tree root = substituted("vars: {b: '${a}/b', a: /root, c: '${list}', list: ['${b}']}\nx: ${c}\n");
  EXPECT_EQ(root.find("vars")->find("b")->text, "/root/b");
  EXPECT_EQ(root.find("x")->items[0].text, "/root/b");
}

TEST(Substitute, LeavesKeysPlainDollarsAndEscapesAlone) {
  Tree root = substituted("vars: {a: 1}\n${a}: 2\nb: $${a}\nc: cost $5 {a} $\nd: x$${y${a}\n");
  EXPECT_EQ(root.find("${a}")->text, "2");
  EXPECT_EQ(root.find("b")->text, "${a}");
  EXPECT_EQ(root.find("c")->text, "cost $5 {a} $");
  EXPECT_EQ(root.find("d")->text, "x${y1");
}

TEST(Substitute, DoesNotLookForVariablesInValues) {
  EXPECT_EQ(substituted("vars: {a: '$${b}'}\nx: ${a}\ny: 1${a}\n").find("x")->text, "${b}");
  EXPECT_EQ(substituted("vars: {a: '$${b}'}\nx: ${a}\ny: 1${a}\n").find("y")->text, "1${b}");
}

TEST(Substitute, NeedsNoVariables) {
  EXPECT_EQ(substituted("a: $${b}\n").find("a")->text, "${b}");
  EXPECT_EQ(substituted("vars:\na: b\n").find("a")->text, "b");
  EXPECT_TRUE(substituted("").is_null());
  EXPECT_EQ(substituted("vars: {unused: 1}\na: b\n").find("a")->text, "b");
}

TEST(Substitute, RefusesUnknownVariables) {
  EXPECT_EQ(refusal("vars: {source: x}\na:\n  b: ${sourc}/y\n"),
            "a.yaml:3:6: unknown variable 'sourc'; did you mean 'source'?");
  EXPECT_EQ(refusal("vars: {source: x, n: 1}\na: ${qqqq}\n"),
            "a.yaml:2:4: unknown variable 'qqqq'; known are source, n");
  EXPECT_EQ(refusal("a: ${b}\n"), "a.yaml:1:4: unknown variable 'b'; the file has no section 'vars'");
  EXPECT_EQ(refusal("vars: {a: '${b}', unused: '${a}'}\n"),
            "a.yaml:1:11: unknown variable 'b'; known are a, unused");
}

TEST(Substitute, RefusesCycles) {
  EXPECT_EQ(refusal("vars:\n  a: ${b}\n  b: x${a}\n"),
            "a.yaml:3:6: a variable needs itself: vars a -> b -> a");
  EXPECT_EQ(refusal("vars: {a: '${a}'}\n"), "a.yaml:1:11: a variable needs itself: vars a -> a");
  // `start` leads into the cycle, but is no part of it.
  EXPECT_EQ(refusal("vars: {start: '${a}', a: ['${b}'], b: {x: '${a}'}}\n"),
            "a.yaml:1:43: a variable needs itself: vars a -> b -> a");
}

TEST(Substitute, RefusesWhatIsNoTextInsideALongerText) {
  std::string only = " and stands inside the text 'x${v}'; only a text or number can";
  EXPECT_EQ(refusal("vars: {v: [1]}\na: x${v}\n"), "a.yaml:2:4: variable 'v' is a list" + only);
  EXPECT_EQ(refusal("vars: {v: {b: 1}}\na: x${v}\n"), "a.yaml:2:4: variable 'v' is a map" + only);
  EXPECT_EQ(refusal("vars: {v: }\na: x${v}\n"), "a.yaml:2:4: variable 'v' is null" + only);
}

TEST(Substitute, RefusesAnOpenBraceAndVariablesThatAreNoMap) {
  EXPECT_EQ(refusal("vars: {a: 1}\nb: x${a\n"),
            "a.yaml:2:4: 'x${a' opens a variable that is not closed; write ${name}, or $${ for a plain ${");
  EXPECT_EQ(refusal("vars: [a]\n"), "a.yaml:1:7: 'vars' is not a map; expected name: value pairs");
}

// Each variable holds the one before it ten times: ten to the power of thirty in the end.
TEST(Substitute, RefusesVariablesThatGrowWithoutBounds) {
  std::string list = "vars:\n  v0: [x]\n", text = "vars:\n  v0: xxxxxxxxxx\n";
  for (int i = 1; i <= 30; ++i) {
    std::string ten, use = "${v" + std::to_string(i - 1) + "}";
    for (int k = 0; k < 10; ++k) ten += (k ? ", '" : "'") + use + "'";
    list += "  v" + std::to_string(i) + ": [" + ten + "]\n";
    text += "  v" + std::to_string(i) + ": x" + use + use + use + use + use + "\n";
  }
  // v0 to v4 are 23463 values together; the ninth v4 inside v5 makes it over 200000.
  // v8 is 4 million letters long.
  std::string grows =
      "variables make the file grow over 200000 values or 4194304 bytes; use fewer variables inside "
      "variables";
  EXPECT_EQ(refusal(list), "a.yaml:7:80: " + grows);
  EXPECT_EQ(refusal(text), "a.yaml:10:7: " + grows);
}

TEST(Substitute, PutsInTheHomeDirectoryWhereNoShellDid) {
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  setenv("HOME", "/home/ada", 1);
  const Tree root =
      substituted("vars: {at: ~/data}\nrun: {output: ~/out, a: '${at}/x.h5', b: x~/y, c: ~x, d: $5}");
  const Tree& run = *root.find("run");
  EXPECT_EQ(run.find("output")->text, "/home/ada/out");
  EXPECT_EQ(run.find("a")->text, "/home/ada/data/x.h5");
  EXPECT_EQ(run.find("b")->text, "x~/y");
  EXPECT_EQ(run.find("c")->text, "~x");
  EXPECT_EQ(run.find("d")->text, "$5");
  EXPECT_EQ(refusal("run: {output: ~bob/out}"),
            "a.yaml:1:15: '~bob/out' is in the home directory of another user, which only a shell knows; "
            "write the whole path");
  EXPECT_EQ(refusal("run: {output: $HOME/out}"),
            "a.yaml:1:15: '$HOME/out' begins with a variable of the shell, and no shell reads it here; write "
            "~/ for the home directory, or the whole path");
  EXPECT_EQ(refusal("vars: {a: 1}\nrun: {output: '${HOME}/out'}"),
            "a.yaml:2:15: unknown variable 'HOME'; those of the environment are not read, and ~/ is the home "
            "directory");
  unsetenv("HOME");
  EXPECT_EQ(refusal("run: {output: ~/out}"),
            "a.yaml:1:15: '~/out' is in the home directory, but HOME is not set; write the whole path");
  setenv("HOME", home.c_str(), 1);
}

TEST(Substitute, RefusesVariablesThatNestTooDeep) {
  std::string lists = "vars:\n  v0: x\n", chain = lists;
  for (int i = 1; i <= 5000; ++i) {
    std::string name = "  v" + std::to_string(i), use = "${v" + std::to_string(i - 1) + "}";
    if (i <= 70) lists += name + ": ['" + use + "']\n";
    chain.insert(6, name + ": " + use + "\n");  // the first variable leads through all others
  }
  EXPECT_EQ(refusal(lists), "a.yaml:66:9: variables nest lists and maps over 64 levels deep");
  EXPECT_EQ(refusal(chain), "a.yaml:65:10: variables use each other over 64 deep");
}

}  // namespace
}  // namespace dagfusion
