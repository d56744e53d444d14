#include <gtest/gtest.h>

#include "nodes/files/png_file.h"
#include "tests/fixtures/events.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

TEST(TensorboardLog, WritesMeansSinceTheLastTime) {
  const ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(run, "{type: tensorboard_log}", {{"loss", 1}, {"grad_norm", 0.5f}});
  log.run(1);
  log.set("loss", 3);
  log.gather(2);
  log.set("loss", 6);
  log.run(3);
  EXPECT_EQ(told_below(folder.path() / "tensorboard"),
            (std::vector<std::string>{"0 version brain.Event:2", "1 loss=1 grad_norm=0.5",
                                      "3 loss=4.5 grad_norm=0.5"}));
}

TEST(TensorboardLog, WritesEachPictureOfThePreviewsOnce) {
  const ScratchFolder folder;
  StepRun run(folder.path());
  const auto draw = [&](int step, const char* name) {
    write_png(folder.path() / "previews" / fmt::format("step-{:06}", step) / name,
              std::vector<std::uint8_t>(4 * 6 * 3, 7), 4, 6, 3);
  };
  StepNode log(run, "{type: tensorboard_log}", {{"loss", 1}});
  draw(2, "samples.png");
  log.run(2);
  draw(2, "progress.png");
  draw(4, "samples.png");
  log.run(4);
  draw(5, "samples.png");
  log.ordered().finish(run);
  EXPECT_EQ(told_below(folder.path() / "tensorboard"),
            (std::vector<std::string>{"0 version brain.Event:2", "2 loss=1", "2 samples=6x4x3", "4 loss=1",
                                      "2 progress=6x4x3", "4 samples=6x4x3", "5 samples=6x4x3"}));
}

TEST(TensorboardLog, GoesOnInANewFileThatSaysFromWhere) {
  const ScratchFolder folder;
  StepRun run(folder.path());
  write_png(folder.path() / "previews/step-000003/samples.png", std::vector<std::uint8_t>(4, 7), 2, 2, 1);
  run.first = 3;
  StepNode log(run, "{type: tensorboard_log}", {{"loss", 1}});
  log.run(4);
  EXPECT_EQ(told_below(folder.path() / "tensorboard"),
            (std::vector<std::string>{"0 version brain.Event:2", "4 session 1", "4 loss=1"}));
}

TEST(TensorboardLog, RefusesToWriteNothing) {
  StepRun run;
  EXPECT_EQ(
      thrown([&] { StepNode(run, "{type: tensorboard_log, pictures: false}"); }),
      "test.yaml:1:1: node 'node' (tensorboard_log): nothing is wired, and 'pictures' is false; say what to "
      "write, as in 'in: {loss: loss}'");
}

}  // namespace
}  // namespace dagfusion::tests
