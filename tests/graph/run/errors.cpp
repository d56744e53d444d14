// A node that fails names itself, the frames before it finish, and everything comes home.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_group.h>

#include "tests/fixtures/scratch_folder.h"
#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

const char* kTraining = R"(run: {steps: 4, batch_size: 6, micro_batch: 2, lanes: 2}
nodes:
  x: {type: numbers, spin: 20}
  one: {type: add_one, in: x}
  order: {type: total, in: one}
  layer: {type: scale, in: order, spin: 20}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.001}
  note: {type: note, in: {loss: loss}}
  look: {type: look}
  save: {type: save, every: 1}
)";

// kTraining with `extra` among the settings of one node.
std::string with(const std::string& node, const std::string& extra) {
  std::string yaml = kTraining;
  const std::size_t at = yaml.find("  " + node + ": {");
  return yaml.insert(yaml.find('}', at + (node == "note" ? 37 : 0)), ", " + extra);
}

TEST(RunError, NamesTheNodeTheStepAndTheImagesWhereverItHappens) {
  struct Case {
    std::string node, where, who;
    int line;
  };
  const std::vector<Case> cases = {
      {"x", "forward", "'x' (numbers)", 3},          {"one", "forward", "'one' (add_one)", 4},
      {"order", "forward", "'order' (total)", 5},    {"layer", "forward", "'layer' (scale)", 6},
      {"layer", "accumulate", "'layer' (scale)", 6}, {"loss", "forward", "'loss' (mean)", 7},
      {"loss", "backward", "'loss' (mean)", 7}};
  for (const Case& c : cases)
    for (int threads : {1, 4}) {
      const Outcome outcome =
          run_text(with(c.node, fmt::format("fail_at: 15, fail_in: {}", c.where)), {.threads = threads});
      EXPECT_EQ(outcome.error,
                fmt::format("test.yaml:{}:3: node {}: a fault made for the test (step 3, images 14 to 15)",
                            c.line, c.who));
      // Steps 1 and 2 were older: applied, noted and saved. Step 3 was not.
      EXPECT_EQ(seen().steps.back(), "save 2") << c.who;
      EXPECT_EQ(seen().steps.size(), 6u) << c.who;
    }
}

TEST(RunError, NamesTheLastFrameOfTheStepWhenAStepNodeFails) {
  for (const char* node : {"descend", "note", "look", "save"}) {
    const Outcome outcome = run_text(with(node, "fail_at: 11"), {.threads = 2});
    const std::string who = node == std::string("descend") ? "'descend/update' (descend_update)"
                                                           : fmt::format("'{}' ({})", node, node);
    EXPECT_NE(
        outcome.error.find(fmt::format("node {}: a fault made for the test (step 2, images 10 to 11)", who)),
        std::string::npos)
        << outcome.error;
    for (const std::string& step : seen().steps) EXPECT_TRUE(step.back() <= '2') << step;
  }
}

TEST(RunError, TellsTheEarliestOfSeveral) {
  std::string yaml = with("x", "fail_at: 20");
  yaml.insert(yaml.find("  save:"),
              "  more: {type: add_one, in: x, fail_at: 8}\n  end: {type: sink, in: more}\n");
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(run_text(yaml, {.threads = 4}).error,
              "test.yaml:11:3: node 'more' (add_one): a fault made for the test (step 2, images 8 to 9)");
}

TEST(RunError, FinishesNoSinkAndSaysNoStepWithoutTraining) {
  const Outcome outcome = run_text(R"(run: {micro_batch: 2}
nodes:
  x: {type: numbers, size: 9}
  y: {type: add_one, in: x, fail_at: 8}
  out: {type: sink, in: y}
)");
  EXPECT_EQ(outcome.error, "test.yaml:4:3: node 'y' (add_one): a fault made for the test (images 8 to 8)");
  EXPECT_EQ(seen().positions["out"], (std::vector<std::int64_t>{0, 2, 4, 6}));
  EXPECT_TRUE(seen().finished.empty());
}

TEST(RunError, OfALoopsBodyLeavesTheLoop) {
  const char* yaml = R"(run: {{micro_batch: 2, lanes: 2}}
nodes:
  x: {{type: numbers, size: 10}}
  loop:
    loop:
      each: {{type: count, steps: 5 {}}}
      carry: {{v: x}}
      nodes:
        up: {{type: shift, in: {{x: carry.v, by: each.index}} {}}}
      next: {{v: up}}
  out: {{type: sink, in: loop}}
)";
  EXPECT_EQ(run_text(fmt::format(fmt::runtime(yaml), ", fail_at: 4", "")).error,
            "test.yaml:6:13: node 'loop/each' (count): a fault made for the test (images 4 to 5)");
  EXPECT_EQ(run_text(fmt::format(fmt::runtime(yaml), "", ", fail_at: 4")).error,
            "test.yaml:9:9: node 'loop/up' (shift): a fault made for the test (images 4 to 5)");
  EXPECT_EQ(seen().positions["out"], (std::vector<std::int64_t>{0, 2}));
}

// Nothing of ours can lose a frame; cancelling the graph's tasks behind its back does. `third` has its `y` by
// then, and waits for `second`.
TEST(RunError, NamesTheFramesThatWereLostAndWhatTheyWaitFor) {
  seen().clear();
  seen().on_step = [](const std::string& node, std::int64_t) {
    if (node == "first") tbb::task::current_context()->cancel_group_execution();
  };
  try {
    run_planned(plan_text(R"(run: {micro_batch: 2, frames_in_flight: 1}
nodes:
  x: {type: numbers, size: 6}
  y: {type: mean, in: x}
  first: {type: note, in: {y: y}}
  second: {type: note, in: {first: first}}
  third: {type: note, in: {y: y, second: second}}
)"),
                {.threads = 1});
    FAIL() << "nothing was thrown";
  } catch (const std::logic_error& e) {
    EXPECT_STREQ(e.what(),
                 "1 of 1 frames did not come home, 2 were never sent:\n"
                 "  frame 0: 'third' waits for 1 of 2 inputs");
  }
}

TEST(Drop, LeavesNoGapForWhatComesInOrder) {
  for (const char* dropping :
       {"{type: flaky, in: x, drop_every: 3}", "{type: add_one, in: x, on_error: drop, fail_at: 6}"}) {
    const Outcome outcome =
        run_text(fmt::format("run: {{micro_batch: 1}}\nnodes:\n  x: {{type: numbers, size: 8}}\n  y: {}\n  "
                             "z: {{type: total, in: y}}\n  out: {{type: sink, in: z}}\n",
                             dropping));
    EXPECT_EQ(outcome.error, "");
    const bool flaky = dropping[7] == 'f';
    EXPECT_EQ(seen().positions["out"], flaky ? (std::vector<std::int64_t>{1, 2, 4, 5, 7})
                                             : (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 7}));
    EXPECT_EQ(outcome.report.dropped.size(), flaky ? 3u : 1u);
  }
  EXPECT_EQ(seen().finished.size(), 1u);
}

TEST(Drop, IsAnErrorInTraining) {
  std::string yaml = kTraining;
  yaml.replace(yaml.find("{type: add_one, in: x}"), 22, "{type: flaky, in: x, drop_every: 8}");
  EXPECT_EQ(run_text(yaml).error,
            "test.yaml:4:3: node 'one' (flaky): a batch can have no holes: unlucky (step 1, images 0 to 1)");
}

TEST(Stop, FinishesTheStepThatHasBegunAndSaves) {
  std::string yaml = kTraining;
  yaml.replace(yaml.find("steps: 4"), 8, "steps: 400");
  yaml.replace(yaml.find("every: 1"), 8, "every: 1000");
  seen().clear();
  dagfusion::Run run(plan_text(yaml), {.threads = 4});
  seen().on_step = [&](const std::string& node, std::int64_t step) {
    if (node == "note" && step == 5) run.stop();
  };
  const Report report = run.run();
  EXPECT_EQ(report.outcome, Report::Outcome::stopped);
  EXPECT_GE(report.progress.steps, 6);
  EXPECT_LT(report.progress.steps, 12);  // no more than was read ahead
  EXPECT_EQ(seen().steps.back(), fmt::format("save {}", report.progress.steps));
  EXPECT_EQ(std::count(seen().steps.begin(), seen().steps.end(), seen().steps.back()), 1);
}

TEST(Stop, SavesOnceWhenTheStepWasSavedAlready) {
  std::string yaml = kTraining;
  yaml.replace(yaml.find("steps: 4"), 8, "steps: 400");
  seen().clear();
  dagfusion::Run run(plan_text(yaml), {.threads = 2});
  seen().on_step = [&](const std::string& node, std::int64_t step) {
    if (node == "note" && step == 5) run.stop();
  };
  EXPECT_EQ(run.run().progress.steps, 6);  // nothing is read ahead of a step that is saved
  EXPECT_EQ(std::count(seen().steps.begin(), seen().steps.end(), "save 6"), 1);
}

TEST(Stop, NamesTheNodeThatCannotSave) {
  std::string yaml = with("save", "fail_at: 0, fail_in: forward");
  yaml.replace(yaml.find("every: 1"), 8, "every: 1000");
  seen().clear();
  dagfusion::Run run(plan_text(yaml), {.threads = 2});
  seen().on_step = [&](const std::string& node, std::int64_t) {
    if (node == "note") run.stop();
    if (node == "save") throw std::runtime_error("no space");
  };
  try {
    run.run();
    FAIL() << "nothing was thrown";
  } catch (const RunError& e) {
    EXPECT_NE(std::string(e.what()).find("test.yaml:11:3: node 'save' (save): "), std::string::npos)
        << e.what();
  }
}

TEST(Abort, BringsEverythingHomeWithoutRunningIt) {
  std::string yaml = kTraining;
  yaml.replace(yaml.find("steps: 4"), 8, "steps: 400");
  seen().clear();
  dagfusion::Run run(plan_text(yaml), {.threads = 4});
  seen().on_step = [&](const std::string& node, std::int64_t step) {
    if (node == "look" && step == 3) run.abort(), run.stop();
  };
  const Report report = run.run();
  EXPECT_EQ(report.outcome, Report::Outcome::aborted);
  EXPECT_EQ(seen().steps.back(), "look 4");
}

}  // namespace
}  // namespace dagfusion::tiny
