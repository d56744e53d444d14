// Several processes that train together: the bits of one, whatever their number.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include "graph/cluster/shared_sum.h"
#include "tests/fixtures/forked_ranks.h"
#include "tests/graph/tiny/nodes.h"

namespace dagfusion {
namespace {

using namespace std::chrono_literals;
using tests::on_ranks;
using tests::RankEnd;

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(Ranks, GatherWhatEachGives) {
  const std::vector<RankEnd> ends = on_ranks(4, [](Cluster& cluster) {
    std::string all;
    for (int round = 0; round < 3; ++round)
      for (const std::string& one :
           cluster.gather(std::string(static_cast<std::size_t>(cluster.rank()), 'x')))
        all += one + ".";
    return all;
  });
  for (const RankEnd& end : ends) EXPECT_EQ(end.gave, ".x.xx.xxx..x.xx.xxx..x.xx.xxx.") << end.said;
}

// Numbers whose sum depends on the order in which they are added.
std::vector<std::vector<float>> group_sums(int groups, std::size_t floats) {
  std::mt19937 random(1);
  std::lognormal_distribution<float> size(0, 6);
  std::vector<std::vector<float>> sums(static_cast<std::size_t>(groups), std::vector<float>(floats));
  for (auto& sum : sums)
    for (float& x : sum) x = size(random) * (random() % 2 ? 1.0f : -1.0f);
  return sums;
}

std::vector<float> sum_on(int ranks, int groups, std::size_t floats) {
  const std::vector<RankEnd> ends = on_ranks(ranks, [&](Cluster& cluster) {
    const auto all = group_sums(groups, floats);
    const GroupRange range = groups_of(cluster.rank(), cluster.size(), groups);
    std::vector<std::vector<float>> mine;
    GroupTree tree;
    for (int g = range.first; g < range.end; ++g) {
      mine.push_back(all[static_cast<std::size_t>(g)]);
      for (int joins = tree.add(g); joins > 0; --joins) {
        for (std::size_t i = 0; i < floats; ++i) mine[mine.size() - 2][i] += mine.back()[i];
        mine.pop_back();
      }
    }
    std::vector<float*> starts;
    for (auto& sum : mine) starts.push_back(sum.data());
    const auto sum = std::make_shared<SharedSum>(cluster.rank(), cluster.size(), groups, 0, starts, floats);
    cluster.start(sum);
    sum->wait();
    return bytes_of(mine.front());
  });
  for (const RankEnd& end : ends) EXPECT_TRUE(end.exit == 0 && end.gave == ends[0].gave) << end.said;
  if (ends[0].gave.empty()) return {};
  std::vector<float> values(ends[0].gave.size() / sizeof(float));
  std::memcpy(values.data(), ends[0].gave.data(), ends[0].gave.size());
  return values;
}

TEST(Ranks, AddUpInOneOrder) {
  for (const std::size_t floats : {1u, 16u, 100u, 70000u}) {
    const std::vector<float> one = sum_on(1, 8, floats);
    ASSERT_EQ(one.size(), floats);
    for (const int ranks : {2, 3, 4, 5, 8})
      EXPECT_EQ(sum_on(ranks, 8, floats), one) << ranks << " of " << floats;
  }
}

constexpr const char* kTraining = R"(run: {{steps: 12, batch_size: 16, micro_batch: 1, gradient_groups: {}}}
nodes:
  x: {{type: numbers, width: 5}}
  a: {{type: scale, in: x, spin: 30}}
  b: {{type: scale, in: a}}
  loss: {{type: mean, in: b}}
  descend: {{type: descend, minimize: loss, rate: 0.0001}}
  note: {{type: note, in: {{loss: loss}}}}
)";

std::string train(Cluster* cluster, int groups, int threads) {
  CheckOptions options;
  options.ranks = cluster ? cluster->size() : 1;
  tiny::Outcome outcome = tiny::run_planned(tiny::plan_text(fmt::format(kTraining, groups), options),
                                            {.threads = threads, .cluster = cluster});
  if (!outcome.error.empty()) return outcome.error;
  std::string all = bytes_of(outcome.weights);
  for (const auto& line : tiny::seen().values["note"]) all += bytes_of(line);
  return all;
}

TEST(Ranks, TrainToTheBitsOfOneProcess) {
  for (const int groups : {1, 2, 8}) {
    const std::string alone = on_ranks(1, [&](Cluster&) { return train(nullptr, groups, 1); })[0].gave;
    ASSERT_GT(alone.size(), 12 * sizeof(float));
    for (const int ranks : {1, 2, 3, 4, 8})
      for (const int threads : {1, 2}) {
        if (ranks > groups) continue;
        const auto ends = on_ranks(ranks, [&](Cluster& cluster) { return train(&cluster, groups, threads); });
        EXPECT_EQ(ends[0].gave, alone) << ranks << " ranks, " << groups << " groups" << ends[0].said;
        for (const RankEnd& end : ends) {
          EXPECT_EQ(end.exit, 0);
          ASSERT_GT(end.gave.size(), 10 * sizeof(float)) << end.said;
          EXPECT_EQ(end.gave, alone.substr(0, end.gave.size()));
        }
      }
  }
}

TEST(Ranks, GroupsChangeTheOrderOfTheSumAndNothingElse) {
  const auto weights = [](int groups) {
    return on_ranks(1, [&](Cluster&) { return train(nullptr, groups, 2); })[0].gave;
  };
  const std::string one = weights(1), eight = weights(8);
  EXPECT_NE(one, eight);
  for (std::size_t w = 0; w < 10; ++w) {
    float a, b;
    std::memcpy(&a, one.data() + w * sizeof a, sizeof a);
    std::memcpy(&b, eight.data() + w * sizeof b, sizeof b);
    EXPECT_NEAR(a, b, 1e-4 * std::abs(a));
  }
}

// What the sink and the node of every frame saw, in their order; of the first process.
std::string send_through(Cluster* cluster, int threads) {
  tiny::seen().clear();
  CheckOptions options;
  options.ranks = cluster ? cluster->size() : 1;
  const tiny::Outcome outcome = tiny::run_planned(tiny::plan_text(R"(run: {micro_batch: 2}
nodes:
  x: {type: numbers, size: 41, width: 3, spin: 200}
  y: {type: scale, in: x, spin: 300}
  z: {type: square, in: y}
  all: {type: sink, in: z}
  mean: {type: mean, in: y}
  note: {type: note, in: {mean: mean}}
)",
                                                                  options),
                                                  {.threads = threads, .cluster = cluster});
  if (!outcome.error.empty()) return outcome.error;
  std::string all = fmt::format("{} images;", outcome.report.progress.images);
  for (const char* node : {"all", "note"}) {
    for (const std::int64_t position : tiny::seen().positions[node])
      if (node == std::string("all"))
        all += fmt::format(" {}", position);  // `note` sees steps as they are done
    for (const auto& line : tiny::seen().values[node]) all += bytes_of(line);
  }
  for (const std::string& node : tiny::seen().finished) all += node + "\n";
  return all;
}

TEST(Ranks, BringTheFramesOfAllToTheFirstInOrder) {
  const std::string alone = on_ranks(1, [](Cluster&) { return send_through(nullptr, 2); })[0].gave;
  ASSERT_EQ(alone.find("41 images; 0 2 4"), 0u) << alone;
  for (const int ranks : {2, 3, 4, 8, 30})  // more than there are frames
    for (const int threads : {1, 2}) {
      const auto ends = on_ranks(ranks, [&](Cluster& cluster) { return send_through(&cluster, threads); });
      EXPECT_EQ(ends[0].gave, alone) << ranks << ends[0].said;
      for (const RankEnd& end : ends) EXPECT_EQ(end.exit, 0) << end.said;
    }
}

// How processes end of which one fails at image 9, in the second half of a step.
std::vector<RankEnd> fail_on(int ranks) {
  return on_ranks(ranks, [](Cluster& cluster) {
    cluster.name_hosts({"here", "there"});
    CheckOptions options;
    options.ranks = cluster.size();
    Run run(tiny::plan_text(R"(run: {steps: 12, batch_size: 16, micro_batch: 1, gradient_groups: 2}
nodes:
  x: {type: numbers, width: 5}
  a: {type: scale, in: x, fail_at: 25}
  loss: {type: mean, in: a}
  descend: {type: descend, minimize: loss, rate: 0.0001}
)",
                            options),
            {.threads = 1, .cluster = &cluster});
    run.run();
    return std::string("it did not fail");
  });
}

TEST(Ranks, AreAllEndedByTheFailureOfOneWhichTheFirstNames) {
  const std::vector<RankEnd> ends = fail_on(2);
  EXPECT_EQ(ends[0].said,
            "run-pipeline: rank 1 (there): test.yaml:4:3: node 'a' (scale): a fault made for the test (step "
            "2, images "
            "25 to 25)\n");
  for (const RankEnd& end : ends) EXPECT_NE(end.exit, 0) << end.gave;
}

TEST(Ranks, NameWhoIsThereAndDoesNotComeOn) {
  const std::vector<RankEnd> ends = on_ranks(2,
                                             [](Cluster& cluster) {
                                               cluster.name_hosts({"here", "there"});
                                               if (cluster.rank() == 1) std::this_thread::sleep_for(2500ms);
                                               return train(&cluster, 2, 1);
                                             },
                                             {.named = 2, .ended = 60});
  EXPECT_EQ(
      ends[0].said,
      "run-pipeline: rank 1 (there) is there, but has not finished step 1; the others have waited 2 seconds "
      "for it\n");
  EXPECT_EQ(ends[1].said, "");
  for (const RankEnd& end : ends) EXPECT_EQ(end.exit, 0) << end.said;
}

std::unique_ptr<Transport> never() {
  for (;;) std::this_thread::sleep_for(1s);
}

TEST(Ranks, SayWhatToDoWhereTheyDoNotReachEachOther) {
  EXPECT_EXIT(
      Cluster(never, {.named = 0.1, .ended = 0.3}, "name the network"), testing::ExitedWithCode(1),
      testing::Eq("run-pipeline: the ranks have not reached each other for 0 seconds; name the network\n"
                  "run-pipeline: the ranks have not reached each other for 0 seconds: all are ended\n"));
}

TEST(Ranks, LeaveItToTheFirstToSaySo) {
  EXPECT_EXIT(Cluster(never, {.named = 0.1, .ended = 0.3}), testing::ExitedWithCode(1), testing::Eq(""));
}

TEST(Ranks, NameWhoGivesNoSignOfLifeAndEndAll) {
  const std::vector<RankEnd> ends = on_ranks(3,
                                             [](Cluster& cluster) {
                                               if (cluster.rank() == 2) raise(SIGSTOP);
                                               cluster.gather("");
                                               return std::string();
                                             },
                                             {.named = 2, .ended = 3});
  EXPECT_EQ(ends[0].said,
            "run-pipeline: no sign of life from rank 2 for 2 seconds\n"
            "run-pipeline: rank 2 has given no sign of life for 3 seconds: all are ended; --resume goes on "
            "from the "
            "newest checkpoint, on any number of ranks\n");
  for (const RankEnd& end : ends) EXPECT_NE(end.exit, 0);
}

}  // namespace
}  // namespace dagfusion
