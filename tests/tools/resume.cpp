#include "tools/launch/resume.h"

#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

const std::string kBefore = R"(run: {seed: 1, steps: 10, threads: 2, batch_size: 8, output: runs}
model: {type: unet, channels: 8, multipliers: [1, 2]}
nodes:
  images: {type: drawn_digits, doc: digits}
  adam: {type: adam, minimize: loss, learning_rate: 1.0e-3}
  ema: {type: weight_average, after: adam, every: 2}
  log: {type: metrics_log, in: {loss: loss}, every: 5}
  save: {type: checkpoint, every: 5, keep: 3}
)";

// What refuse_changes() says when `from` is replaced by `to`; "" = nothing.
std::string said(const std::string& from = "", const std::string& to = "", const Catalog& types = catalog()) {
  std::string now = kBefore;
  if (!from.empty()) now.replace(now.find(from), from.size(), to);
  return thrown([&] {
    refuse_changes(parse_document(kBefore, "before.yaml"), parse_document(now, "now.yaml"), types,
                   "runs/001");
  });
}

std::string refusal(const std::string& what) {
  return "runs/001 was started from another pipeline\n" + what +
         "; a run that goes on cannot change it, --fork starts a new one from here";
}

TEST(RefuseChanges, LetsTheSamePipelineGoOn) {
  EXPECT_EQ(said(), "");
  EXPECT_EQ(said("seed: 1, steps: 10", "steps: 10, seed: 1"), "");  // the order of keys means nothing
}

TEST(ChangedSections, AreToldToAFork) {
  const Tree before =
      parse_document("run: {seed: 1}\ndiffusion: {process: flow, prediction: velocity}\n", "a.yaml");
  const auto told = [&](const std::string& now) {
    return changed_sections(before, parse_document(now, "b.yaml"), catalog());
  };
  EXPECT_TRUE(told("run: {seed: 2}\ndiffusion: {process: flow, prediction: velocity}\n").empty());
  EXPECT_EQ(told("diffusion: {process: flow, prediction: v}\n"),
            (std::vector<std::string>{
                "diffusion.prediction was velocity, and is now v; the weights that this starts "
                "from were trained for the former"}));
}

TEST(RefuseChanges, LetsSpeedLengthAndSinksChange) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"steps: 10", "steps: 20"},
           {"threads: 2", "threads: 4, lanes: 3, frames_in_flight: 9"},
           {"threads: 2", "threads: 2, recompute: true"},
           {"threads: 2, ", ""},
           {"output: runs", "output: elsewhere"},
           {"doc: digits", "doc: numbers"},
           {"every: 5, keep: 3", "every: 10min, keep: 0"},
           {"  log: {type: metrics_log, in: {loss: loss}, every: 5}\n", ""},
           {"in: {loss: loss}, every: 5", "in: {loss: loss, norm: adam.grad_norm}, name: other"},
           {"  save:", "  grid: {type: png_grid, in: images}\n  save:"},
           {"  save:", "  arrays: {type: npy_writer, in: images, path: images.npy}\n  save:"},
           {"  save:", "  shown: {type: run_pipeline, pipeline: sample.yaml}\n  save:"},
           {"run:", "vars: {a: 1}\ndoc: a run\nrun:"}})
    EXPECT_EQ(said(from, to), "") << from << " -> " << to;
}

TEST(RefuseChanges, TakesEveryTypeThatOnlyWritesOutForASink) {
  Catalog types = catalog();
  types.nodes.push_back({.name = "mailer", .role = Role::ordered, .inputs = {{"x", "[N] f32", "values"}}});
  types.nodes.push_back({.name = "stirrer", .role = Role::ordered, .rate = Rate::step});
  const auto with = [](const std::string& type) { return "  new: {type: " + type + ", in: loss}\n  save:"; };
  EXPECT_EQ(said("  save:", with("mailer"), types), "");
  EXPECT_EQ(said("  save:", with("stirrer"), types),
            refusal("now.yaml:8:8: nodes.new was nothing, and is now {type: stirrer, in: loss}"));
}

TEST(RefuseChanges, NamesWhatHasChanged) {
  EXPECT_EQ(said("seed: 1", "seed: 2"), refusal("now.yaml:1:13: run.seed was 1, and is now 2"));
  EXPECT_EQ(said("[1, 2]", "[1, 2, 2]"),
            refusal("now.yaml:2:47: model.multipliers was [1, 2], and is now [1, 2, 2]"));
  EXPECT_EQ(said("1.0e-3", "2.0e-3"),
            refusal("now.yaml:5:53: nodes.adam.learning_rate was 1.0e-3, and is now 2.0e-3"));
  EXPECT_EQ(said(", doc: digits", ", size: 16"),
            refusal("now.yaml:4:38: nodes.images.size was nothing, and is now 16"));
  EXPECT_EQ(said("batch_size: 8, ", ""), refusal("run.batch_size was 8, and is now nothing"));
}

TEST(RefuseChanges, ComparesNumbersAsNumbers) {
  EXPECT_EQ(said("1.0e-3", "0.001"), "");
  EXPECT_EQ(said("1.0e-3", "1e-3"), "");
  EXPECT_EQ(said("seed: 1", "seed: +1"), "");
  EXPECT_EQ(said("[1, 2]", "[1, +2]"), "");
  EXPECT_NE(said("1.0e-3", "1.0000001e-3"), "");
  EXPECT_NE(said("seed: 1", "seed: 9007199254740993"), "");
}

TEST(RefuseChanges, TakesADefaultThatIsWrittenOutForNoChange) {
  EXPECT_EQ(said(", learning_rate: 1.0e-3", ", learning_rate: 1.0e-3, epsilon: 1e-8, betas: [0.9, 0.999]"),
            "");
  EXPECT_EQ(said("seed: 1", "seed: 1, precision: float32, winograd: true, micro_batch: auto"), "");
  EXPECT_EQ(said("channels: 8", "channels: 8, dropout: 0"), "");
  EXPECT_EQ(said("nodes:", "diffusion: {timesteps: 1000}\nnodes:"),
            refusal("now.yaml:3:12: diffusion was nothing, and is now {timesteps: 1000}"));
  EXPECT_EQ(said("channels: 8", "channels: 8, dropout: 0.1"),
            refusal("now.yaml:2:43: model.dropout was nothing, and is now 0.1"));
}

TEST(RefuseChanges, LeavesToTheFingerprintWhereDataLie) {
  const auto between = [](const std::string& before, const std::string& now) {
    const auto file = [](const std::string& entry) {
      return parse_document("nodes: {images: {type: " + entry + "}}", "a.yaml");
    };
    return thrown([&] { refuse_changes(file(before), file(now), catalog(), "runs/001"); });
  };
  EXPECT_EQ(between("hdf5_images, path: a.h5", "hdf5_images, path: /b/a.h5"), "");
  EXPECT_NE(between("hdf5_images, path: a.h5", "hdf5_images, path: a.h5, shuffle: true"), "");
  EXPECT_NE(between("hdf5_images, path: a.h5", "npy_reader, path: a.h5"), "");
  EXPECT_NE(between("png_grid, path: a.h5", "hdf5_images, path: a.h5"), "");
}

TEST(RefuseChanges, KnowsThatHowOftenAnAverageIsTakenMatters) {
  EXPECT_EQ(said("after: adam, every: 2", "after: adam, every: 3"),
            refusal("now.yaml:6:51: nodes.ema.every was 2, and is now 3"));
}

TEST(RefuseChanges, SeesASinkThatBecomesSomethingElse) {
  EXPECT_NE(said("type: metrics_log", "type: drawn_digits"), "");
  EXPECT_NE(said("type: weight_average", "type: metrics_log"), "");
}

TEST(RefuseChanges, ListsAllOfThem) {
  const std::string text = said("seed: 1, steps: 10, threads: 2, batch_size: 8", "seed: 2, batch_size: 9");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST(NamedRun, IsARunOrTheNewestBelow) {
  const ScratchFolder folder;
  for (const char* name : {"001", "002"}) {
    fs::create_directory(folder.path() / name);
    write_text(folder.path() / name / "pipeline.yaml", "run: {}\n");
  }
  EXPECT_EQ(named_run(folder.path() / "001", false).run, folder.path() / "001");
  EXPECT_EQ(named_run(folder.path() / "001/", false).run, folder.path() / "001");
  EXPECT_EQ(named_run(folder.path(), false).run, folder.path() / "002");
}

TEST(NamedRun, IsNoOtherFolder) {
  const ScratchFolder folder;
  EXPECT_EQ(thrown([&] { named_run(folder.path(), false); }),
            "'" + folder.path().string() + "' is not a run directory: there is no pipeline.yaml in it");
  EXPECT_EQ(thrown([&] { named_run(folder.path() / "x", false); }),
            "there is no run directory '" + (folder / "x") + "'");
}

TEST(NamedRun, IsACheckpointOnlyForAFork) {
  const ScratchFolder folder;
  const fs::path checkpoint = folder.path() / "001/checkpoints/step-000003";
  fs::create_directories(checkpoint);
  write_text(checkpoint / "MANIFEST", "");
  EXPECT_EQ(named_run(checkpoint, true).run, checkpoint);
  EXPECT_EQ(thrown([&] { named_run(checkpoint, false); }),
            "'" + checkpoint.string() + "' is a checkpoint; a run goes on from its newest: --resume " +
                (folder / "001") + "; or with --fork, a new run from this one");
}

TEST(NewestRun, IsTheOneWithTheHighestNumberThatHasACheckpoint) {
  const ScratchFolder folder;
  const Tree file = parse_document("run: {output: " + folder.path().string() + "}", "a.yaml");
  EXPECT_EQ(newest_run(file).run, "");
  for (const char* name : {"009", "010", "011"}) fs::create_directory(folder.path() / name);
  EXPECT_EQ(newest_run(file).run, "");
  EXPECT_EQ(newest_run(file).passed_over.size(), 3);
  for (const char* name : {"009", "010"})
    fs::create_directories(folder.path() / name / "checkpoints" / "step-000003");
  EXPECT_EQ(newest_run(file).run, folder.path() / "010");
  EXPECT_EQ(newest_run(file).passed_over, std::vector<fs::path>{folder.path() / "011"});
  EXPECT_EQ(named_run(folder.path(), false).run, folder.path() / "010");
}

}  // namespace
}  // namespace dagfusion::tests
