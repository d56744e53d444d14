// Which runs a section `sweep` means, and how their results are compared.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "nodes/catalog.h"
#include "nodes/files/png_file.h"
#include "tests/fixtures/scratch_folder.h"
#include "tools/sweep/report.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetric = "metric: {file: distance.csv, column: distance}\n";

SweepPlan plan(const std::string& yaml) {
  return read_sweep(parse_document(yaml, "s.yaml"), "pipelines/ablate.yaml");
}

std::vector<std::string> names(const SweepPlan& p) {
  std::vector<std::string> found;
  for (const SweepCell& c : p.cells) found.push_back(c.name);
  return found;
}

std::string refusal(const std::string& yaml) {
  try {
    plan(yaml);
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

const std::string kAxes =
    "axes: {loss: {mse: {}, huber: {set: {nodes.loss.delta: 1}}}, a/b.schedule: [linear, cosine]}\n";

TEST(Sweep, IsTheProductOfItsAxes) {
  const SweepPlan p = plan(kAxes + "seeds: [1, 2]\n" + kMetric);
  EXPECT_EQ(names(p), (std::vector<std::string>{"loss=mse,schedule=linear", "loss=mse,schedule=cosine",
                                                "loss=huber,schedule=linear", "loss=huber,schedule=cosine"}));
  ASSERT_EQ(p.cells[3].changes.size(), 2u);
  EXPECT_EQ(p.cells[3].changes[1].path, "a/b.schedule");
  EXPECT_EQ(p.cells[3].changes[1].value.text, "cosine");
  EXPECT_EQ(p.baseline, 0u);
  EXPECT_EQ(p.output, "runs/ablate");
}

TEST(Sweep, LeavesOutWhatIsExcluded) {
  const SweepPlan p =
      plan(kAxes +
           "exclude: [{loss: huber, schedule: linear}]\nbaseline: {loss: huber, schedule: cosine}\n"
           "seeds: [1]\n" +
           kMetric);
  EXPECT_EQ(p.cells.size(), 3u);
  EXPECT_EQ(p.cells[p.baseline].name, "loss=huber,schedule=cosine");
}

TEST(Sweep, WithoutAxesComparesNothingButRepeats) {
  EXPECT_EQ(names(plan(std::string("seeds: [1]\n") + kMetric)), std::vector<std::string>{"all"});
}

TEST(Sweep, RefusesWhatItCannotRun) {
  EXPECT_EQ(refusal(kAxes + "seeds: [1]\n"),
            "s.yaml:1:1: section 'sweep': 'metric' is missing, like {file: distance.csv, column: distance}");
  EXPECT_EQ(refusal(kAxes + kMetric),
            "s.yaml:1:1: section 'sweep': 'seeds' is missing; it is required (run.seed of each cell's runs)");
  EXPECT_EQ(refusal(kAxes + "seeds: [1, 1]\n" + kMetric),
            "s.yaml:2:8: section 'sweep': 'seeds' holds 1 twice");
  EXPECT_EQ(refusal(kAxes + "seed: 1\nseeds: [1]\n" + kMetric),
            "s.yaml:2:1: section 'sweep': unknown key 'seed'; did you mean 'seeds'?");
  EXPECT_EQ(refusal(kAxes + "exclude: [{los: mse}]\nseeds: [1]\n" + kMetric),
            "s.yaml:2:12: 'exclude': no axis 'los'; did you mean 'loss'?");
  EXPECT_EQ(refusal(kAxes + "baseline: {loss: mze, schedule: linear}\nseeds: [1]\n" + kMetric),
            "s.yaml:2:18: 'baseline': the axis 'loss' has no case 'mze'; did you mean 'mse'?");
  EXPECT_EQ(refusal(kAxes + "baseline: {loss: mse}\nseeds: [1]\n" + kMetric),
            "s.yaml:2:11: 'baseline' fits 2 cells; it must name one, with a case of every axis");
  EXPECT_EQ(refusal(std::string("axes: {loss: {mse: {sett: {}}}}\nseeds: [1]\n") + kMetric),
            "s.yaml:1:21: unknown key 'sett' in the case 'mse'; did you mean 'set'?");
  EXPECT_EQ(refusal(std::string("axes: {vars.data: [a/b.h5]}\nseeds: [1]\n") + kMetric),
            "s.yaml:1:20: 'a/b.h5' cannot name a case: its runs get directories of that name, so it holds no "
            "'/', ',' or "
            "'='; give the axis a map of named cases");
}

TEST(Sweep, RefusesLossesOfTwoKindsAsMetric) {
  const SweepPlan p = plan(kAxes + "seeds: [1]\nmetric: {column: loss}\n");
  std::vector<Tree> files;
  for (const char* type : {"mse_loss", "mse_loss", "huber_loss", "huber_loss"})
    files.push_back(parse_document(
        std::string("nodes: {loss: {type: ") + type + "}, log: {type: metrics_log, in: {loss: loss}}}",
        "a.yaml"));
  try {
    refuse_other_scales(p, files, catalog());
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(
        e.what(),
        "s.yaml:3:9: the metric 'loss' is what node 'loss' gives in training, and that is another measure in "
        "loss=huber,schedule=linear than in loss=mse,schedule=linear: such numbers cannot be compared; "
        "measure the "
        "images instead, as pipelines/judge.yaml does");
  }
  files[2] = files[3] = files[0];
  refuse_other_scales(p, files, catalog());
}

void write_run(const fs::path& directory, double distance, const std::string& step = "step-000010") {
  fs::create_directories(directory / "001/previews" / step);
  std::ofstream(directory / "001/metrics.csv")
      << "step,images,seconds,loss\n1,32,0.1,0.5\n2,64,0.2,nan\n3,96,0.3,0.25\n";
  std::ofstream(directory / "001/previews" / step / "distance.csv")
      << "images,distance\n64," << distance << "\n";
}

// Differences 1, 2, 3 of the pairs, though the values themselves lie far apart.
TEST(SweepReport, ComparesPairsOfEqualSeeds) {
  const ScratchFolder folder;
  SweepPlan p = plan(std::string("axes: {loss: {mse: {}, huber: {}}}\nseeds: [1, 2, 3]\n") + kMetric);
  const std::vector<std::vector<double>> values = {{10, 20, 30}, {11, 22, 33}};
  std::vector<std::vector<SweepRun>> runs(2);
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t s = 0; s < 3; ++s) {
      const fs::path cell = cell_directory(folder.path(), p.cells[c], p.seeds[s]);
      write_run(cell, values[c][s]);
      runs[c].push_back(read_run(cell, p.metric));
    }
  EXPECT_EQ(runs[0][0].curve, (std::vector<std::pair<double, double>>{{1, 0.5}, {3, 0.25}}));
  const std::vector<SweepRow> rows = compare(p, runs);
  EXPECT_DOUBLE_EQ(rows[1].metric.mean, 22);
  EXPECT_DOUBLE_EQ(rows[1].difference.mean, 2);
  EXPECT_EQ(report_text(p, rows),
            "cell          distance         difference (95 %)\n"
            "loss=mse            20                            the baseline\n"
            "loss=huber          22      +2 [-0.4841, +4.484]  no difference seen\n"
            "distance is the mean over 3 seeds, smaller is better; differences are paired by seed, with "
            "Student's t\n");
  EXPECT_EQ(report_csv(p, rows).substr(0, 60),
            "loss,seed,distance,difference,directory\nmse,1,10,0," + folder.path().string().substr(0, 9));
  const std::string page = report_html(p, rows, "a <b>");
  EXPECT_NE(page.find("<title>a &lt;b&gt;</title>"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);                   // readable offline
  EXPECT_NE(page.find("<td>loss=<wbr>huber</td>"), std::string::npos);  // long names leave room for the rest
  EXPECT_NE(
      page.find(R"({"cells":[{"name":"loss=mse","step":[1.0,3.0],"loss":[0.5,0.25]},{"name":"loss=huber",)"),
      std::string::npos);
}

// Two rows and two columns, of which one cell has drawn nothing.
TEST(SweepReport, DrawsTheSamplesOfTwoAxesAsAGrid) {
  const ScratchFolder folder;
  const SweepPlan p =
      plan("axes: {sampler: {ddim: {}, heun: {}}, each.steps: [5, 10]}\nseeds: [1]\n" + std::string(kMetric));
  std::vector<SweepRow> rows;
  for (std::size_t c = 0; c < 4; ++c) {
    SweepRun run;
    if (c != 2) {
      run.picture = folder.path() / fmt::format("{}.png", c);
      const std::vector<std::uint8_t> grey(std::size_t{40 * 30}, static_cast<std::uint8_t>(50 * (c + 1)));
      write_png(run.picture, grey, 30, 40, 1);
    }
    rows.push_back({p.cells[c].name, {run}, {}, {}});
  }
  const std::string png = grid_png(p, rows);
  const cv::Mat bytes(1, static_cast<int>(png.size()), CV_8U, const_cast<char*>(png.data()));
  const cv::Mat grid = cv::imdecode(bytes, cv::IMREAD_GRAYSCALE);
  ASSERT_EQ(grid.rows, 40 + 2 * 36);
  const int left = grid.cols - 2 * 46;
  EXPECT_EQ(grid.at<std::uint8_t>(40 + 15, left + 20), 50);
  EXPECT_EQ(grid.at<std::uint8_t>(40 + 15, left + 46 + 20), 100);
  EXPECT_EQ(grid.at<std::uint8_t>(40 + 36 + 15, left + 20), 255);
  EXPECT_EQ(grid.at<std::uint8_t>(40 + 36 + 15, left + 46 + 20), 200);
  EXPECT_TRUE(
      grid_png(plan("axes: {sampler: {ddim: {}}}\nseeds: [1]\n" + std::string(kMetric)), {rows[0]}).empty());
  EXPECT_NE(report_html(p, rows, "grid", png).find("<img alt=\"samples of all cells\" src=\"data:image/png"),
            std::string::npos);
}

TEST(SweepReport, TakesTheNewestPreview) {
  const ScratchFolder folder;
  write_run(folder.path(), 5, "step-000010");
  write_run(folder.path(), 7, "step-000200");
  EXPECT_EQ(read_run(folder.path(), plan(std::string("seeds: [1]\n") + kMetric).metric).metric, 7);
}

TEST(SweepReport, RefusesAMetricThatIsNotThere) {
  const ScratchFolder folder;
  write_run(folder.path(), 5);
  const auto refused = [&](const std::string& metric) {
    try {
      read_run(folder.path(), plan("seeds: [1]\nmetric: " + metric + "\n").metric);
    } catch (const UserError& e) {
      std::string what = e.what();
      return what.replace(what.find(folder.path().string()), folder.path().string().size(), "RUN");
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refused("{file: dist.csv, column: distance}"),
            "s.yaml:2:9: the metric's file 'dist.csv' is neither in RUN/001 nor below its previews");
  EXPECT_EQ(refused("{column: los}"),
            "s.yaml:2:9: RUN/001/metrics.csv has no column 'los'; did you mean 'loss'?");
}

}  // namespace
}  // namespace dagfusion::tests
