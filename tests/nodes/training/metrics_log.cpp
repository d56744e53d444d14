#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::istringstream text(file_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// The line without its time.
std::string timeless(const std::string& json) {
  auto values = nlohmann::ordered_json::parse(json);
  EXPECT_GE(values.at("seconds").get<double>(), 0);
  values.erase("seconds");
  return values.dump();
}

TEST(MetricsLog, WritesALineOfJsonAndOneOfCsvEachTime) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(run, "{type: metrics_log}", {{"loss", 0.5f}, {"grad_norm", 2}});
  log.run(10);
  const std::vector<std::string> early =
      lines_of(folder.path() / "metrics.jsonl");  // flushed, with the log still open
  ASSERT_EQ(early.size(), 1u);
  EXPECT_EQ(timeless(early[0]), R"({"step":10,"images":40,"loss":0.5,"grad_norm":2})");
  log.set("loss", 1.25e-7f);
  log.run(20);
  const std::vector<std::string> csv = lines_of(folder.path() / "metrics.csv");
  ASSERT_EQ(csv.size(), 3u);
  EXPECT_EQ(csv[0], "step,images,seconds,loss,grad_norm");
  EXPECT_EQ(csv[1].substr(0, 6), "10,40,");
  EXPECT_EQ(csv[1].substr(csv[1].size() - 6), ",0.5,2");
  EXPECT_EQ(csv[2].substr(csv[2].size() - 11), ",1.25e-07,2");
}

TEST(MetricsLog, WritesWhatIsNotFiniteAsNull) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(
      run, "{type: metrics_log}",
      {{"a", std::numeric_limits<float>::quiet_NaN()}, {"b", -std::numeric_limits<float>::infinity()}});
  log.run(1);
  EXPECT_EQ(timeless(lines_of(folder.path() / "metrics.jsonl")[0]),
            R"({"step":1,"images":4,"a":null,"b":null})");
  const std::string csv = lines_of(folder.path() / "metrics.csv")[1];
  EXPECT_EQ(csv.substr(csv.size() - 9), ",nan,-inf");
}

TEST(MetricsLog, LeavesOutWhatAnotherStepHasGiven) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(run, "{type: metrics_log}", {{"loss", 0.5f}, {"decay", 0.9f}, {"norm", 2}});
  log.comes_in_other_steps("decay");
  log.run(1);
  log.comes_in_other_steps("");
  log.run(2);
  const std::vector<std::string> json = lines_of(folder.path() / "metrics.jsonl");
  EXPECT_EQ(timeless(json[0]), R"({"step":1,"images":4,"loss":0.5,"norm":2})");
  EXPECT_EQ(timeless(json[1]), R"({"step":2,"images":8,"loss":0.5,"decay":0.9,"norm":2})");
  const std::vector<std::string> csv = lines_of(folder.path() / "metrics.csv");
  EXPECT_EQ(csv[1].substr(csv[1].size() - 7), ",0.5,,2");
  EXPECT_EQ(csv[2].substr(csv[2].size() - 10), ",0.5,0.9,2");
}

TEST(MetricsLog, WritesMeansSinceTheLineBefore) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(run, "{type: metrics_log}", {{"loss", 0.5f}, {"decay", 3}});
  log.gather(1);
  log.set("loss", 1);
  log.comes_in_other_steps("decay");
  log.run(2);
  log.run(3);
  const std::vector<std::string> json = lines_of(folder.path() / "metrics.jsonl");
  EXPECT_EQ(timeless(json[0]), R"({"step":2,"images":8,"loss":0.75,"decay":3})");
  EXPECT_EQ(timeless(json[1]), R"({"step":3,"images":12,"loss":1})");
}

TEST(MetricsLog, LeavesOutStepsWithoutANumber) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode log(run, "{type: metrics_log}", {{"q0", std::numeric_limits<float>::quiet_NaN()}});
  log.gather(1);
  log.set("q0", 0.5f);
  log.run(2);
  EXPECT_EQ(timeless(lines_of(folder.path() / "metrics.jsonl")[0]), R"({"step":2,"images":8,"q0":0.5})");
}

TEST(MetricsLog, GoesOnInTheMiddleBetweenTwoLines) {
  ScratchFolder folder;
  StepRun run(folder.path());
  std::vector<std::byte> saved;
  {
    StepNode log(run, "{type: metrics_log}", {{"loss", 0.5f}});
    log.gather(1);
    const StateTensor sums = log.ordered().state().at(0);
    saved.resize(static_cast<std::size_t>(count_of(sums.shape)));
    sums.save(saved.data());
  }
  run.first = 1;
  StepNode log(run, "{type: metrics_log}", {{"loss", 1}});
  log.ordered().state().at(0).load(saved.data());
  log.run(2);
  EXPECT_EQ(timeless(lines_of(folder.path() / "metrics.jsonl")[0]), R"({"step":2,"images":8,"loss":0.75})");
}

TEST(MetricsLog, CutsBackToTheStepThatARunResumesFrom) {
  ScratchFolder folder;
  {
    StepRun run(folder.path());
    StepNode log(run, "{type: metrics_log}", {{"loss", 1}});
    for (int step = 1; step <= 5; ++step) log.run(step);
  }
  const std::vector<std::string> json = lines_of(folder.path() / "metrics.jsonl");
  const std::vector<std::string> csv = lines_of(folder.path() / "metrics.csv");
  std::ofstream(folder.path() / "metrics.jsonl", std::ios::app)
      << R"({"step":6,"im)";  // killed in the middle
  std::ofstream(folder.path() / "metrics.csv", std::ios::app) << "6,2";
  StepRun run(folder.path());
  run.first = 3;
  StepNode log(run, "{type: metrics_log}", {{"loss", 2}});
  log.run(4);
  const std::vector<std::string> json_now = lines_of(folder.path() / "metrics.jsonl");
  ASSERT_EQ(json_now.size(), 4u);
  EXPECT_TRUE(std::equal(json.begin(), json.begin() + 3, json_now.begin()));
  EXPECT_EQ(timeless(json_now[3]), R"({"step":4,"images":16,"loss":2})");
  const std::vector<std::string> csv_now = lines_of(folder.path() / "metrics.csv");
  ASSERT_EQ(csv_now.size(), 5u);
  EXPECT_TRUE(std::equal(csv.begin(), csv.begin() + 4, csv_now.begin()));
  EXPECT_EQ(csv_now[4].substr(0, 5), "4,16,");
}

TEST(MetricsLog, CountsTheSecondsOfEarlierProcesses) {
  ScratchFolder folder;
  write_text(folder.path() / "metrics.jsonl",
             "{\"step\":1,\"seconds\":5000.5}\n{\"step\":2,\"seconds\":9000}\n");
  StepRun run(folder.path());
  run.first = 1;
  StepNode log(run, "{type: metrics_log}", {{"loss", 1}});
  log.run(2);
  const double seconds = nlohmann::json::parse(lines_of(folder.path() / "metrics.jsonl")[1]).at("seconds");
  EXPECT_GE(seconds, 5000.5);
  EXPECT_LT(seconds, 5060);
}

TEST(MetricsLog, StartsAnewWhenTheRunDoes) {
  ScratchFolder folder;
  write_text(folder.path() / "metrics.csv", "old\n");
  StepRun run(folder.path());
  StepNode log(run, "{type: metrics_log}", {{"loss", 1}});
  log.run(1);
  EXPECT_EQ(lines_of(folder.path() / "metrics.csv")[0], "step,images,seconds,loss");
}

TEST(MetricsLog, WritesTwoLogsUnderTwoNamesOnly) {
  ScratchFolder folder;
  StepRun run(folder.path());
  StepNode one(run, "{type: metrics_log}", {{"loss", 1}}),
      two(run, "{type: metrics_log, name: slow}", {{"fid", 9}}),
      three(run, "{type: metrics_log}", {{"loss", 1}});
  one.run(1);
  two.run(1);
  EXPECT_EQ(lines_of(folder.path() / "slow.csv")[0], "step,images,seconds,fid");
  EXPECT_EQ(
      thrown([&] { three.run(1); }),
      "'" + (folder / "metrics.jsonl") + "' is being written by another log; give this one another 'name'");
}

TEST(MetricsLog, RefusesToGoOnWithOtherColumns) {
  ScratchFolder folder;
  write_text(folder.path() / "metrics.csv", "step,images,seconds,loss\n1,4,0.1,2\n");
  StepRun run(folder.path());
  run.first = 1;
  StepNode log(run, "{type: metrics_log}", {{"error", 1}});
  EXPECT_EQ(thrown([&] { log.run(2); }),
            "'" + (folder / "metrics.csv") +
                "' has the columns step,images,seconds,loss, but this log writes "
                "step,images,seconds,error; give it another 'name'");
}

TEST(MetricsLog, RefusesToWriteNothing) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: metrics_log}"); }),
            "test.yaml:1:1: node 'node' (metrics_log): nothing is wired; say what to write, as in 'in: "
            "{loss: loss}'");
}

TEST(MetricsLog, RefusesAnInputCalledLikeAColumnOfItsOwn) {
  StepRun run;
  EXPECT_EQ(
      thrown([&] {
        StepNode(run, "{type: metrics_log}", {{"step", 1}});
      }),
      "test.yaml:1:1: node 'node' (metrics_log): 'step' is written anyway; give the input another name");
}

TEST(MetricsLog, RefusesANameInAnotherDirectory) {
  StepRun run;
  EXPECT_EQ(thrown([&] {
              StepNode(run, "{type: metrics_log, name: a/b}", {{"loss", 1}});
            }),
            "test.yaml:1:27: node 'node' (metrics_log): 'name' is 'a/b'; it is the name of a file without a "
            "directory");
}

}  // namespace
}  // namespace dagfusion::tests
