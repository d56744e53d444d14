// Steps: means over their frames, when nodes are due and in which order,
// admission, resumption, pipelines inside.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/scratch_folder.h"
#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

std::vector<std::string> steps_of(const std::string& node) {
  std::vector<std::string> found;
  for (const std::string& s : seen().steps)
    if (s.rfind(node + " ", 0) == 0) found.push_back(s.substr(node.size() + 1));
  return found;
}

TEST(Step, AveragesOverItsFramesInOrder) {
  // Samples 0 … 3 of width 1: mean 1.5; samples 4 … 7: mean 5.5.
  EXPECT_EQ(run_text(R"(run: {steps: 2, batch_size: 4, micro_batch: 2}
nodes:
  x: {type: numbers, width: 1}
  data: {type: mean, in: x}
  layer: {type: scale, in: x}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.5}
  note: {type: note, in: {data: data, loss: loss, size: descend.size}}
)")
                .error,
            "");
  // Step 1: w = 1, dw = mean x = 1.5. Step 2: w = 1 - 0.5 * 1.5 = 0.25, loss = 0.25 * 5.5, dw = 5.5.
  EXPECT_EQ(seen().values["note"], (std::vector<std::vector<float>>{{1.5, 1.5, 2.25}, {5.5, 1.375, 30.25}}));
}

TEST(Step, IsAFrameWhereNothingIsTrained) {
  // The last of 21 frames has one valid image of two.
  // `second` takes its time to read what `first` wrote for its frame.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 2, frames_in_flight: 8}
nodes:
  x: {type: numbers, size: 41, width: 1}
  mean: {type: mean, in: x}
  first: {type: note, in: {mean: mean}}
  second: {type: note, in: {first: first, mean: mean}, spin: 1000}
)",
                     {.threads = 4})
                .error,
            "");
  ASSERT_EQ(seen().values["second"].size(), 21u);
  for (int f = 0; f < 20; ++f)
    EXPECT_EQ(seen().values["second"][f],
              (std::vector<float>{static_cast<float>(f), 2.0f * static_cast<float>(f) + 0.5f}));
  EXPECT_EQ(seen().values["second"][20], (std::vector<float>{20, 20}));  // images 40 and, to fill up, 0
}

const char* kTraining = R"(run: {steps: 7, batch_size: 4, micro_batch: 2}
nodes:
  save: {type: save, every: 3}
  look: {type: look, every: 2, spin: 200}
  x: {type: numbers}
  layer: {type: scale, in: x}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.001}
  note: {type: note}
)";

TEST(Step, RunsWritersThenReadersThenThoseThatSave) {
  std::vector<std::int64_t> told;
  EXPECT_EQ(
      run_text(kTraining, {.threads = 4, .on_step = [&](std::int64_t step) { told.push_back(step); }}).error,
      "");
  EXPECT_EQ(told, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(seen().steps,
            (std::vector<std::string>{"note 1", "note 2", "look 2", "note 3", "save 3", "note 4", "look 4",
                                      "note 5", "note 6", "look 6", "save 6", "note 7", "look 7", "save 7"}));
  EXPECT_EQ(seen().positions["note"],
            (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));  // steps done, as seen there
  EXPECT_EQ(seen().positions["look"], (std::vector<std::int64_t>{2, 4, 6, 7}));
  EXPECT_EQ(seen().positions["save"], (std::vector<std::int64_t>{3, 6, 7}));
}

TEST(Step, TellsAnObserverOfEveryTaskBeforeAndAfterIt) {
  struct Observer final : TaskObserver {
    void begins(const TaskVisit& visit) noexcept override {
      const std::lock_guard lock(mutex);
      ++begun[visit.type()];
      if (visit.in_model()) ++begun_in_model[visit.type()];
    }
    void ends(const TaskVisit& visit) noexcept override {
      const std::lock_guard lock(mutex);
      ++ended[visit.type()];
    }
    std::mutex mutex;
    std::map<std::string, int> begun, begun_in_model, ended;
  } observer;
  EXPECT_EQ(run_text(kTraining, {.threads = 4, .observer = &observer}).error, "");
  EXPECT_EQ(observer.begun, observer.ended);
  EXPECT_EQ(observer.begun["numbers"], 14);  // 7 steps of 2 frames
  EXPECT_EQ(observer.begun["scale"], 28);    // forward, weight gradient; x wants no gradient
  EXPECT_EQ(observer.begun_in_model["numbers"], 0);
  EXPECT_EQ(observer.begun_in_model["scale"], 28);
}

TEST(Step, FiresByTheClock) {
  std::string yaml = kTraining;
  yaml.replace(yaml.find("every: 2"), 8, "every: 1h");
  yaml.replace(yaml.find("every: 3"), 8, "every: 2h");
  EXPECT_EQ(run_text(yaml).error, "");
  EXPECT_EQ(steps_of("look"), (std::vector<std::string>{"7"}));
  EXPECT_EQ(steps_of("save"), (std::vector<std::string>{"7"}));
  yaml.replace(yaml.find("every: 1h"), 9, "every: 0.000000001s");
  yaml.replace(yaml.find("every: 2h"), 9, "every: 0.000000001s");
  EXPECT_EQ(run_text(yaml, {.threads = 4}).error, "");
  EXPECT_EQ(steps_of("look").size(), 6u);  // the first visit starts the clock
  EXPECT_EQ(steps_of("save").size(), 6u);
}

TEST(Admission, ShowsEveryFrameTheWeightsOfTheStepBefore) {
  // x = 1: dw = 1 each step, w = 1 - 0.125 * step, whatever is read ahead.
  EXPECT_EQ(run_text(R"(run: {steps: 6, batch_size: 4, micro_batch: 1, lanes: 4, frames_in_flight: 12}
nodes:
  x: {type: numbers, width: 1, size: 1, spin: 10}
  one: {type: add_one, in: x}
  layer: {type: scale, in: one, spin: 100}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.125}
  look: {type: look, spin: 500}
  seen: {type: sink, in: layer}
)",
                     {.threads = 4})
                .error,
            "");
  ASSERT_EQ(seen().values["seen"].size(), 24u);
  for (std::size_t f = 0; f < 24; ++f)
    EXPECT_EQ(seen().values["seen"][f], std::vector<float>{1.0f - 0.125f * static_cast<float>(f / 4)});
}

TEST(Save, IsDoneBeforeAnythingOfTheNextStepBegins) {
  std::atomic<std::int64_t> most{0};
  seen().clear();
  dagfusion::Run run(
      plan_text(R"(run: {steps: 6, batch_size: 2, micro_batch: 1, lanes: 3, frames_in_flight: 9}
nodes:
  x: {type: numbers}
  early: {type: sink, in: x}
  slow: {type: sink, in: x, spin: 1000}
  layer: {type: scale, in: x}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.001}
  save: {type: save, every: 2, spin: 2000}
)"),
      {.threads = 4});
  seen().on_step = [&](const std::string&, std::int64_t step) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < end) continue;
    const std::lock_guard lock(seen().mutex);
    most = std::max<std::int64_t>(
        most, static_cast<std::int64_t>(seen().positions["early"].size()) - 2 * (step + 1));
  };
  run.run();
  EXPECT_EQ(most, 0);
}

// Packed copies that were made, of the first weight.
int packs(std::function<void(RunInfo&)> restore) {
  int made = 0;
  Planned planned = plan_text(R"(run: {steps: 1, batch_size: 1, micro_batch: 1}
nodes:
  x: {type: numbers}
  layer: {type: scale, in: x}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss}
)");
  planned.checked.weights->add(PackedSpec{
      .weight = 0, .key = "counted", .bytes = 4, .pack = [&](const float*, std::byte*) { ++made; }});
  const dagfusion::Run run(std::move(planned), {.threads = 1, .restore = std::move(restore)});
  return made;
}

TEST(Resumption, PacksTheWeightsOnce) {
  EXPECT_EQ(packs({}), 1);
  EXPECT_EQ(packs([](RunInfo& info) { info.weights().pack(info.values()); }), 1);
}

TEST(Resumption, GoesOnAtTheSamePositionsWithTheSameSamples) {
  const std::string yaml = R"(run: {seed: 3, steps: 6, batch_size: 4, micro_batch: 2}
nodes:
  x: {type: numbers, size: 7, shuffle: true, width: 1}
  in: {type: sink, in: x}
  layer: {type: scale, in: x}
  loss: {type: mean, in: layer}
  descend: {type: descend, minimize: loss, rate: 0.01}
)";
  const Outcome whole = run_text(yaml);
  const auto positions = seen().positions["in"];
  const auto values = seen().values["in"];
  std::string half = yaml;
  const Outcome first = run_text(half.replace(half.find("steps: 6"), 8, "steps: 4"));
  const Outcome rest =
      run_text(yaml, {.threads = 2, .first_step = 4, .restore = [&](RunInfo& info) {
                        std::copy(first.weights.begin(), first.weights.end(), info.values().values().begin());
                      }});
  EXPECT_EQ(rest.weights, whole.weights);
  EXPECT_EQ(seen().positions["in"], (std::vector<std::int64_t>(positions.begin() + 8, positions.end())));
  EXPECT_EQ(seen().values["in"], (std::vector<std::vector<float>>(values.begin() + 8, values.end())));
  EXPECT_EQ(rest.report.progress.steps, 6);
}

TEST(RunPipeline, RunsBetweenStepsOnTheWeightsAsked) {
  const tests::ScratchFolder folder;
  std::ofstream(folder / "inner.yaml") << R"(vars: {count: 4}
run: {micro_batch: 1}
nodes:
  y: {type: numbers, size: "${count}", width: 1, spin: 100}
  up: {type: add_one, in: y}
  out: {type: model, in: up}
  inner: {type: sink, in: out}
)";
  const std::string yaml =
      fmt::format(R"(run: {{steps: 5, batch_size: 2, micro_batch: 1, lanes: 2, frames_in_flight: 6}}
model: {{type: chain, layers: 1}}
nodes:
  x: {{type: numbers, width: 1, size: 1}}
  one: {{type: add_one, in: x}}
  layer: {{type: model, in: one}}
  outer: {{type: sink, in: layer}}
  loss: {{type: mean, in: layer}}
  descend: {{type: descend, minimize: loss, rate: 0.125}}
  kept: {{type: average, after: descend}}
  look: {{type: look}}
  preview: {{type: run_pipeline, pipeline: {0}, model: MODEL, set: {{count: 2}}, every: 2, after: look}}
)",
                  folder / "inner.yaml");
  for (const auto& [model, factor] : {std::pair<std::string, float>{"live", 1}, {"kept", 10}}) {
    std::string text = yaml;
    text.replace(text.find("MODEL"), 5, model);
    EXPECT_EQ(run_text(text, {.threads = 4, .directory = folder.path()}).error, "");
    // After steps 2, 4 and 5 the weight is 0.75, 0.5, 0.375; the inner images are 1 and 2.
    EXPECT_EQ(seen().values["inner"], (std::vector<std::vector<float>>{{0.75f * factor},
                                                                       {1.5f * factor},
                                                                       {0.5f * factor},
                                                                       {1.0f * factor},
                                                                       {0.375f * factor},
                                                                       {0.75f * factor}}));
    EXPECT_EQ(seen().positions["inner"], (std::vector<std::int64_t>{0, 1, 0, 1, 0, 1}));
    EXPECT_EQ(seen().finished, (std::vector<std::string>{"inner in step-000002", "inner in step-000004",
                                                         "inner in step-000005",
                                                         "outer in " + folder.path().filename().string()}));
    for (std::size_t f = 0; f < 10; ++f)
      EXPECT_EQ(seen().values["outer"][f], std::vector<float>{1.0f - 0.125f * static_cast<float>(f / 2)});
    EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "previews" / "step-000004"));
  }
}

TEST(RunPipeline, FailsWithTheNameOfTheInnerNodeAndStrandsNothing) {
  const tests::ScratchFolder folder;
  std::ofstream(folder / "inner.yaml") << R"(run: {micro_batch: 1, images: 3}
nodes:
  y: {type: numbers, width: 1}
  up: {type: add_one, in: y, fail_at: 1}
  inner: {type: sink, in: up}
)";
  const Outcome outcome = run_text(fmt::format(R"(run: {{steps: 5, batch_size: 2, micro_batch: 1}}
nodes:
  x: {{type: numbers}}
  layer: {{type: scale, in: x}}
  loss: {{type: mean, in: layer}}
  descend: {{type: descend, minimize: loss, rate: 0.125}}
  look: {{type: look}}
  preview: {{type: run_pipeline, pipeline: {}, every: 2, after: look}}
)",
                                               folder / "inner.yaml"),
                                   {.threads = 2, .directory = folder.path()});
  EXPECT_EQ(outcome.error,
            fmt::format("{}:4:3: node 'up' (add_one): a fault made for the test (images 1 to 1)",
                        folder / "inner.yaml"));
  EXPECT_EQ(seen().steps, (std::vector<std::string>{"look 1", "look 2"}));
  EXPECT_TRUE(seen().finished.empty());
}

}  // namespace
}  // namespace dagfusion::tiny
