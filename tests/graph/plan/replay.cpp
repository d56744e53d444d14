#include "graph/plan/replay.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

// entry -> admission -> work -> release, then `update` once per step of four frames.
struct Pipeline {
  Pipeline() {
    plan.frames_per_step = 4;
    plan.admission = add(Task::Kind::admission, {});
    work = add(Task::Kind::forward, {plan.admission});
    gradient = add(Task::Kind::accumulate, {work});
    plan.release = add(Task::Kind::release, {gradient});
    plan.steps = {add(Task::Kind::step, {plan.release})};
    plan.tasks.back().serial = true;
    seconds = {0, 1, 0, 0, 0};
  }
  int add(Task::Kind kind, std::vector<int> before) {
    Task task{.kind = kind, .before = std::move(before)};
    task.admitted = kind == Task::Kind::forward || kind == Task::Kind::accumulate;
    plan.tasks.push_back(task);
    return static_cast<int>(plan.tasks.size()) - 1;
  }
  Replay on(int cores, int lanes) const { return replay(plan, seconds, {cores, lanes, lanes + 2}); }
  Plan plan;
  int work = -1, gradient = -1;
  std::vector<double> seconds;
};

TEST(Replay, OfIndependentFramesIsTheWorkDividedByTheCores) {
  const Pipeline p;
  EXPECT_DOUBLE_EQ(p.on(1, 1).step_seconds, 4);
  EXPECT_DOUBLE_EQ(p.on(2, 2).step_seconds, 2);
  EXPECT_DOUBLE_EQ(p.on(4, 4).step_seconds, 1);
  EXPECT_DOUBLE_EQ(p.on(4, 4).efficiency(4), 1);
}

TEST(Replay, LeavesLanesEmptyInTheLastWave) {
  const Pipeline p;
  EXPECT_DOUBLE_EQ(p.on(3, 3).step_seconds, 2);
  EXPECT_DOUBLE_EQ(p.on(3, 3).efficiency(3), 2.0 / 3);
}

TEST(Replay, SharesTheTasksOfAFrameAmongCoresBeyondTheFrames) {
  const Pipeline p;
  EXPECT_DOUBLE_EQ(p.on(8, 4).step_seconds, 0.5);
}

TEST(Replay, TakesGradientsFrameByFrame) {
  Pipeline p;
  p.seconds[p.gradient] = 1;
  const Replay r = p.on(4, 4);
  EXPECT_DOUBLE_EQ(r.step_seconds, 5);  // the first frame's work, and four gradients
  EXPECT_DOUBLE_EQ(r.serial_seconds, 4);
  EXPECT_EQ(r.serial_task, p.gradient);
}

TEST(Replay, TakesGradientsOfGroupsApart) {
  Pipeline p;
  p.seconds[p.gradient] = 1;
  EXPECT_DOUBLE_EQ(replay(p.plan, p.seconds, {4, 4, 6, 2}).step_seconds, 3);
  EXPECT_DOUBLE_EQ(replay(p.plan, p.seconds, {4, 4, 6, 4}).step_seconds, 2);
}

TEST(Replay, WaitsForTheUpdateWhichEightCoresShareAtMost) {
  Pipeline p;
  p.seconds[p.plan.steps[0]] = 16;
  const Replay r = p.on(64, 4);
  EXPECT_DOUBLE_EQ(r.steps_seconds, 2);
  EXPECT_DOUBLE_EQ(r.step_seconds, 2 + 1.0 / 16);
}

}  // namespace
}  // namespace dagfusion
