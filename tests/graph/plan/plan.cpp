// Memory that is shared by nobody at the same time, and the backward pass as tasks and edges.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

using Random = std::mt19937;

// Whether some order of the tasks that respects the edges lets `first` run before or after `then`: reached[t]
// = t comes after `from` in every order. Found by walking the edges, task by task.
std::vector<bool> after_in_every_order(const std::vector<Task>& tasks, int from) {
  std::vector<bool> after(tasks.size());
  for (std::size_t t = 0; t < tasks.size(); ++t)
    for (const int b : tasks[t].before)
      after[t] = after[t] || b == from || after[static_cast<std::size_t>(b)];
  return after;
}

TEST(PlaceSlots, NeverGivesBytesToTwoThatMayLiveAtOnce) {
  std::size_t shared = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const int count = 5 + static_cast<int>(random() % 20);
    std::vector<Task> tasks(static_cast<std::size_t>(count));
    std::vector<Slot> slots;
    std::vector<Lifetime> lives;
    for (int t = 0; t < count; ++t) {
      for (unsigned e = 0; t > 0 && e < 1 + random() % 2; ++e)
        tasks[t].before.push_back(static_cast<int>(random() % static_cast<unsigned>(t)));
      for (unsigned s = 0; s < 1 + random() % 2; ++s) {
        const std::int64_t floats = 16 + static_cast<std::int64_t>(random() % 1500);
        slots.push_back({.name = fmt::format("s{}", slots.size()), .spec = {.shape = {floats}}});
        lives.push_back({.slot = static_cast<int>(slots.size()) - 1, .writer = t, .touched_by = {t}});
      }
    }
    // Readers: tasks that come after the writer by the edges.
    std::vector<std::vector<bool>> after;
    for (int t = 0; t < count; ++t) after.push_back(after_in_every_order(tasks, t));
    for (Lifetime& life : lives)
      for (int t = 0; t < count; ++t)
        if (after[static_cast<std::size_t>(life.writer)][static_cast<std::size_t>(t)] && random() % 4 == 0)
          life.touched_by.push_back(t);
    const std::size_t bytes = place_slots(slots, lives, tasks);
    for (std::size_t a = 0; a < slots.size(); ++a) {
      ASSERT_EQ(slots[a].offset % 64, 0u);
      ASSERT_LE(slots[a].offset + slots[a].spec.bytes(), bytes);
      for (std::size_t b = 0; b < slots.size(); ++b) {
        if (a == b || slots[a].offset + slots[a].spec.bytes() <= slots[b].offset ||
            slots[b].offset + slots[b].spec.bytes() <= slots[a].offset)
          continue;
        ++shared;
        const auto over = [&](std::size_t x, std::size_t y) {
          return std::all_of(lives[x].touched_by.begin(), lives[x].touched_by.end(), [&](int t) {
            return after[static_cast<std::size_t>(t)][static_cast<std::size_t>(lives[y].writer)];
          });
        };
        ASSERT_TRUE(over(a, b) || over(b, a))
            << "seed " << seed << ": " << slots[a].name << " and " << slots[b].name;
      }
    }
  }
  EXPECT_GT(shared, 1000u);  // or nothing was tested
}

TEST(PlaceSlots, LetsAChainLiveInTwoSlots) {
  std::vector<Task> tasks(10);
  std::vector<Slot> slots;
  std::vector<Lifetime> lives;
  for (int t = 0; t < 10; ++t) {
    if (t > 0) tasks[static_cast<std::size_t>(t)].before = {t - 1};
    slots.push_back({.spec = {.shape = {1024}}});
    lives.push_back({.slot = t, .writer = t, .touched_by = {t, std::min(t + 1, 9)}});
  }
  EXPECT_EQ(place_slots(slots, lives, tasks), 2u * 4096u);
}

// "add_one+scale": what each task waits for, by name.
std::string waits_for(const Plan& plan, const std::string& name) {
  for (const Task& t : plan.tasks) {
    if (t.name != name) continue;
    std::vector<std::string> names;
    for (const int b : t.before) names.push_back(plan.tasks[static_cast<std::size_t>(b)].name);
    std::sort(names.begin(), names.end());
    return fmt::format("{}", fmt::join(names, " + "));
  }
  return "no task " + name;
}

const Task& task_of(const Plan& plan, const std::string& name) {
  return *std::find_if(plan.tasks.begin(), plan.tasks.end(), [&](const Task& t) { return t.name == name; });
}

std::string training(const std::string& nodes) {
  return "run: {steps: 2, batch_size: 2, micro_batch: 1}\nmodel: {type: chain, layers: 6}\nnodes:\n  x: "
         "{type: numbers}\n" +
         nodes + "  adam: {type: descend, minimize: loss}\n  note: {type: note}\n";
}

TEST(Plan, DerivesTheBackwardPass) {
  const Plan made = plan_text(training(R"(  a: {type: scale, in: x}
  b: {type: square, in: a}
  loss: {type: mean, in: b}
)"))
                        .plan;
  EXPECT_EQ(waits_for(made, "a"), "admission");
  EXPECT_EQ(waits_for(made, "admission"), "backward of loss + x");
  EXPECT_EQ(waits_for(made, "backward of loss"),
            "");  // dloss is there from the start, and mean reads nothing
  EXPECT_EQ(waits_for(made, "backward of b"), "a");
  EXPECT_EQ(waits_for(made, "weight gradient of a"), "backward of b");
  EXPECT_EQ(waits_for(made, "backward of a"), "no task backward of a");  // nobody wants d(x)
  EXPECT_EQ(waits_for(made, "adam/update"), "release + weight gradient of a");
  EXPECT_EQ(waits_for(made, "note"), "adam/update");
}

TEST(Plan, SumsTheGradientsOfTwoConsumersInTheirOrder) {
  const Plan made = plan_text(training(R"(  a: {type: scale, in: x}
  b: {type: square, in: a}
  c: {type: scale, in: a}
  d: {type: plus, in: {a: b, b: c}}
  loss: {type: mean, in: d}
)"))
                        .plan;
  const Task& sum = task_of(made, "sum of d a.y");
  ASSERT_EQ(sum.terms.size(), 2u);
  EXPECT_EQ(made.slots[static_cast<std::size_t>(sum.terms[0])].name, "d c.x");
  EXPECT_EQ(made.slots[static_cast<std::size_t>(sum.terms[1])].name, "d b.x");
  EXPECT_EQ(waits_for(made, "weight gradient of a"), "sum of d a.y");
}

TEST(Plan, PassesAGradientOnWithoutATask) {
  const Plan made = plan_text(training(R"(  a: {type: scale, in: x}
  b: {type: add_one, in: a}
  c: {type: square, in: b}
  loss: {type: mean, in: c}
)"))
                        .plan;
  EXPECT_EQ(waits_for(made, "backward of b"), "no task backward of b");
  EXPECT_EQ(waits_for(made, "weight gradient of a"), "backward of c");
}

std::string made_again(const std::string& nodes) {
  std::string yaml = training(nodes);
  return yaml.replace(0, 6, "run: {recompute: true, ");
}

TEST(Plan, MakesAgainWhatIsCheapOnceItsGradientIsThere) {
  const std::string chain = R"(  a: {type: scale, in: x}
  b: {type: square, in: a}
  c: {type: square, in: b}
  d: {type: scale, in: c}
  e: {type: scale, in: d}
  loss: {type: mean, in: e}
)";
  const Plan made = plan_text(made_again(chain)).plan;
  EXPECT_EQ(waits_for(made, "again b"), "a + backward of e");
  EXPECT_EQ(waits_for(made, "again c"), "again b + backward of e");
  EXPECT_EQ(waits_for(made, "weight gradient of d"), "again c + backward of e");
  EXPECT_EQ(waits_for(made, "backward of c"), "again b + backward of d");
  EXPECT_EQ(waits_for(made, "backward of b"), "a + backward of c");  // what is kept
  EXPECT_EQ(waits_for(made, "again e"), "no task again e");          // a scale is none of those
  const Task& again = task_of(made, "again c");
  EXPECT_EQ(made.slots[static_cast<std::size_t>(again.visits[0].in[0])].name, "b.y again");
  EXPECT_EQ(made.slots[static_cast<std::size_t>(again.visits[0].out[0])].name, "c.y again");
  EXPECT_EQ(waits_for(plan_text(training(chain)).plan, "again b"), "no task again b");
}

TEST(Plan, MakesAValueAgainOnceForAllThatReadIt) {
  const Plan made = plan_text(made_again(R"(  a: {type: scale, in: x}
  b: {type: square, in: a}
  c: {type: scale, in: b}
  d: {type: scale, in: b}
  e: {type: plus, in: {a: c, b: d}}
  f: {type: square, in: e}
  loss: {type: mean, in: f}
)"))
                        .plan;
  EXPECT_EQ(waits_for(made, "weight gradient of c"), "again b + backward of e");
  EXPECT_EQ(waits_for(made, "weight gradient of d"), "again b + backward of e");
  EXPECT_EQ(std::count_if(made.tasks.begin(), made.tasks.end(),
                          [](const Task& t) { return t.kind == Task::Kind::again; }),
            1);
}

TEST(Plan, LetsNothingFlowBackThroughStopGradient) {
  const Plan made = plan_text(training(R"(  a: {type: scale, in: x}
  cut: {type: stop, in: a}
  b: {type: scale, in: cut}
  loss: {type: mean, in: b}
)"))
                        .plan;
  EXPECT_EQ(waits_for(made, "weight gradient of b"), "cut");
  EXPECT_EQ(waits_for(made, "weight gradient of a"), "no task weight gradient of a");
  EXPECT_EQ(waits_for(made, "backward of b"), "no task backward of b");
}

TEST(Plan, AddsTheGradientsOfTwoCallsInOneTask) {
  // Twelve layers on the way back: the weight gradients of the last call wait for those of the first, so that
  // the backward pass in between must not wait for them.
  const Plan made = plan_text(training(R"(  once: {type: model, in: x}
  twice: {type: model, in: once}
  loss: {type: mean, in: twice}
)"))
                        .plan;
  const Task& sum = task_of(made, "weight gradient of twice/layer3");
  ASSERT_EQ(sum.visits.size(), 2u);
  EXPECT_EQ(waits_for(made, "weight gradient of twice/layer3"),
            "backward of once/layer4 + backward of twice/layer4 + once/layer2 + twice/layer2");
  EXPECT_EQ(waits_for(made, "backward of once/layer5"), "backward of twice/layer0");
}

TEST(Plan, KeepsTheBackwardPassThreeLayersAheadOfTheSumsAtMost) {
  const Plan made = plan_text(training(R"(  out: {type: model, in: x}
  loss: {type: mean, in: out}
)"))
                        .plan;
  EXPECT_EQ(waits_for(made, "backward of out/layer3"), "backward of out/layer4");
  EXPECT_EQ(waits_for(made, "backward of out/layer2"), "backward of out/layer3");
  EXPECT_EQ(waits_for(made, "backward of out/layer1"),
            "backward of out/layer2 + weight gradient of out/layer5");
}

TEST(Plan, TakesALaneForWhatReadsWeightsAndGivesItBack) {
  const Plan made = plan_text(training(R"(  early: {type: square, in: x}
  a: {type: scale, in: early}
  late: {type: sink, in: a}
  loss: {type: mean, in: a}
)"))
                        .plan;
  EXPECT_FALSE(task_of(made, "early").admitted);
  EXPECT_TRUE(task_of(made, "a").admitted);
  EXPECT_EQ(waits_for(made, "admission"), "backward of loss + early");
  EXPECT_EQ(waits_for(made, "release"), "late + loss + weight gradient of a");
  const std::map<std::string, Place> places = {{"x.x", Place::frame},
                                               {"early.y", Place::frame},
                                               {"loss.loss", Place::frame},
                                               {"a.y", Place::lane},
                                               {"adam/update.size", Place::step}};
  for (const Slot& s : made.slots)
    if (const auto place = places.find(s.name); place != places.end()) {
      EXPECT_EQ(s.place, place->second) << s.name;
    }
}

TEST(Plan, HasNoLaneWithoutWeights) {
  const Plan made = plan_text("nodes:\n  x: {type: numbers, size: 3}\n  y: {type: add_one, in: x}\n").plan;
  EXPECT_EQ(made.admission, -1);
  EXPECT_EQ(made.lane_bytes, 0u);
  EXPECT_EQ(made.frame_bytes, 2u * 64u);
}

}  // namespace
}  // namespace dagfusion::tiny
