// Random graphs with random delays: the same bits on any number of threads, lanes and frames in flight.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

using Random =
    std::mt19937;  // its numbers are fixed by the standard; its distributions are not, so % is used

struct Setting {
  int threads, lanes, frames;
};

const std::vector<Setting> kSettings = {{1, 1, 1}, {2, 3, 2}, {4, 2, 7}, {8, 6, 9}};

std::string run_section(const Setting& s, const std::string& more) {
  return fmt::format("run: {{micro_batch: 2, lanes: {}, frames_in_flight: {}{}}}\nnodes:\n", s.lanes,
                     s.frames, more);
}

// Nodes n0, n1, … each reading one to three earlier ones; those that nobody reads lead to a sink.
std::string random_nodes(unsigned seed) {
  Random random(seed);
  std::string yaml;
  const int count = 4 + static_cast<int>(random() % 9);
  std::vector<bool> read(static_cast<std::size_t>(count));
  const auto any_before = [&](int n) {
    const int from = static_cast<int>(random() % static_cast<unsigned>(n));
    read[static_cast<std::size_t>(from)] = true;
    return fmt::format("n{}", from);
  };
  for (int n = 0; n < count; ++n) {
    const unsigned kind = n == 0 ? 0 : random() % 6;
    const std::string spin = fmt::format("spin: {}", random() % 3 * 10);
    if (n == 0)
      yaml += fmt::format("  n0: {{type: numbers, size: 23, {}}}\n", spin);
    else if (kind == 0)
      yaml += fmt::format("  n{}: {{type: total{}, in: {}, {}}}\n", n, n % 2 ? "_ahead" : "", any_before(n),
                          spin);
    else if (kind <= 2)
      yaml += fmt::format("  n{}: {{type: {}, in: {}, {}}}\n", n, kind == 1 ? "add_one" : "half",
                          any_before(n), spin);
    else
      yaml += fmt::format("  n{}: {{type: sum, in: {{a: {}, b: {}, c: {}}}, {}}}\n", n, any_before(n),
                          any_before(n), any_before(n), spin);
  }
  for (int n = 0; n < count; ++n)
    if (!read[static_cast<std::size_t>(n)]) yaml += fmt::format("  s{}: {{type: sink, in: n{}}}\n", n, n);
  return yaml;
}

TEST(RandomGraph, DeliversEveryFrameOnceInOrderWithTheSameBits) {
  std::vector<std::int64_t> all;
  for (std::int64_t p = 0; p < 23; p += 2) all.push_back(p);
  for (unsigned seed = 1; seed <= 240; ++seed) {
    const std::string nodes = random_nodes(seed);
    std::map<std::string, std::vector<std::vector<float>>> reference;
    for (std::size_t s = 0; s < 2; ++s) {
      const Setting& setting = kSettings[s == 0 ? 0 : 1 + seed % 3];
      const Outcome outcome = run_text(run_section(setting, "") + nodes, {.threads = setting.threads});
      ASSERT_EQ(outcome.error, "") << nodes;
      ASSERT_EQ(outcome.report.progress.images, 23);
      for (const auto& [sink, positions] : seen().positions)
        ASSERT_EQ(positions, all) << sink << "\n" << nodes;
      if (s == 0) reference = seen().values;
      ASSERT_EQ(seen().values, reference) << nodes;
    }
  }
}

// A model of `scale` nodes that branch and meet again, in front of a mean that is minimized.
std::string random_training(unsigned seed) {
  Random random(seed);
  std::string yaml =
      "  n0: {type: numbers, size: 7, shuffle: true, spin: 10}\n  n1: {type: add_one, in: n0, spin: 15}\n";
  int n = 2;
  for (const int end = 6 + static_cast<int>(random() % 6); n < end; ++n) {
    const unsigned a = 1 + random() % static_cast<unsigned>(n - 1),
                   b = 1 + random() % static_cast<unsigned>(n - 1);
    if (random() % 3 == 0)
      yaml += fmt::format("  n{}: {{type: plus, in: {{a: n{}, b: n{}}}}}\n", n, a, b);
    else
      yaml += fmt::format("  n{}: {{type: scale, in: n{}, spin: {}}}\n", n, a, random() % 3 * 10);
  }
  yaml +=
      fmt::format("  last: {{type: scale, in: n{}}}\n  loss: {{type: mean, in: last, spin: 10}}\n", n - 1);
  yaml += "  descend: {type: descend, minimize: loss, rate: 0.001}\n";
  yaml += "  note: {type: note, in: {loss: loss, size: descend.size}}\n  save: {type: save, every: 2}\n";
  return yaml;
}

TEST(RandomGraph, TrainsToTheSameWeights) {
  for (unsigned seed = 1; seed <= 80; ++seed) {
    const std::string nodes = random_training(seed);
    std::vector<float> weights;
    std::vector<std::vector<float>> notes;
    for (std::size_t s = 0; s < 2; ++s) {
      const Setting& setting = kSettings[s == 0 ? 0 : 1 + seed % 3];
      const Outcome outcome =
          run_text(run_section(setting, ", steps: 4, batch_size: 6") + nodes, {.threads = setting.threads});
      ASSERT_EQ(outcome.error, "") << nodes;
      if (s == 0) weights = outcome.weights, notes = seen().values["note"];
      ASSERT_EQ(outcome.weights, weights) << nodes;
      ASSERT_EQ(seen().values["note"], notes) << nodes;
      ASSERT_EQ(seen().steps,
                (std::vector<std::string>{"note 1", "note 2", "save 2", "note 3", "note 4", "save 4"}));
    }
  }
}

TEST(Run, HoldsNoMoreFramesThanItHasCreditsBehindASlowSink) {
  const Outcome outcome = run_text(R"(
run: {micro_batch: 1, frames_in_flight: 3}
nodes:
  x: {type: numbers, size: 40}
  y: {type: add_one, in: x}
  slow: {type: sink, in: y, spin: 1000}
)",
                                   {.threads = 4});
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(seen().positions["slow"].size(), 40u);
  EXPECT_LE(seen().most_alive, 3);
}

TEST(Run, FillsTheLastFrameButTellsHowManyImagesAreValid) {
  run_text(
      "run: {micro_batch: 4, images: 6}\nnodes:\n  x: {type: numbers, width: 1}\n  out: {type: sink, in: "
      "x}\n");
  EXPECT_EQ(seen().values["out"], (std::vector<std::vector<float>>{{0, 1, 2, 3}, {4, 5}}));
}

}  // namespace
}  // namespace dagfusion::tiny
