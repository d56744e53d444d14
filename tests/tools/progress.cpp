#include "tools/show/progress.h"

#include <gtest/gtest.h>

#include "tools/show/terminal.h"
#include "tools/show/words.h"

namespace dagfusion {
namespace {

Moment training() {
  return {.progress = {.steps = 12,
                       .all_steps = 800,
                       .images = 1536,
                       .all_images = 102400,
                       .loss = 0.123456,
                       .has_loss = true},
          .rate = 120.5,
          .left = 200};
}

TEST(Progress, SaysStepLossRateAndTimeLeft) {
  EXPECT_EQ(line_of(training()), "step 12/800  loss 0.1235  120.5 images/s  3 min 20 s left");
}

TEST(Progress, SaysNoRateBeforeThereIsOne) {
  EXPECT_EQ(line_of({.progress = {.all_images = 64}}), "image 0/64");
}

TEST(Progress, CountsImagesThatHaveNoEnd) {
  EXPECT_EQ(line_of({.progress = {.images = 1, .all_images = -1}}), "1 image");
}

TEST(Progress, SaysHowFarAPreviewIs) {
  Moment moment = training();
  moment.progress.pause = "preview";
  moment.progress.pause_part = 0.43;
  EXPECT_EQ(line_of(moment), "step 12/800  preview 43%  loss 0.1235  120.5 images/s  3 min 20 s left");
  moment.progress.pause = "save";
  moment.progress.pause_part = -1;
  EXPECT_EQ(line_of(moment), "step 12/800  save  loss 0.1235  120.5 images/s  3 min 20 s left");
}

TEST(Progress, FitsIntoAnyTerminal) {
  for (int columns = 1; columns < 200; ++columns)
    EXPECT_LT(static_cast<int>(moving_line(training(), columns).size()), columns) << columns;
}

TEST(Progress, DrawsAShorterBarBeforeItLeavesWordsOut) {
  EXPECT_EQ(moving_line(training(), 120),
            "[........................] step 12/800  loss 0.1235  120.5 images/s  3 min 20 s left");
  EXPECT_EQ(moving_line(training(), 72),
            "[...........] step 12/800  loss 0.1235  120.5 images/s  3 min 20 s left");
  EXPECT_EQ(moving_line(training(), 60), "step 12/800  loss 0.1235  120.5 images/s  3 min 20 s left");
  EXPECT_EQ(moving_line(training(), 50), "step 12/800  loss 0.1235  120.5 images/s");
  EXPECT_EQ(moving_line(training(), 6), "step ");
}

TEST(Terminal, GoesOnBelowTheLastColumnOfATable) {
  EXPECT_EQ(wrapped("inputs\n  t  [N]  timestep of each image after the step\n", 40),
            "inputs\n  t  [N]  timestep of each image after\n          the step\n");
  EXPECT_EQ(wrapped("  a_long_name  [N,C,H,W] of a long kind  what it is\n", 40),
            "  a_long_name  [N,C,H,W] of a long kind\n    what it is\n");
  EXPECT_EQ(wrapped("mse_loss: the mean of the squared difference\n", 20),
            "mse_loss: the mean\n  of the squared\n  difference\n");
}

TEST(Terminal, LeavesWhatFitsAndWhatCannotBeBroken) {
  EXPECT_EQ(wrapped("10 … 20\n\nend\n", 7), "10 … 20\n\nend\n");
  EXPECT_EQ(wrapped("https://example.com/long\n", 10), "https://example.com/long\n");
}

TEST(Words, HaveAPluralForAllButOne) {
  EXPECT_EQ(counted(0, "image"), "0 images");
  EXPECT_EQ(counted(1, "image"), "1 image");
  EXPECT_EQ(counted(2, "image"), "2 images");
}

TEST(Words, GiveASlowRateItsDigits) {
  EXPECT_EQ(rate_in_words(0), "");
  EXPECT_EQ(rate_in_words(0.0134), "0.013 images/s");
  EXPECT_EQ(rate_in_words(2.18), "2.2 images/s");
}

}  // namespace
}  // namespace dagfusion
