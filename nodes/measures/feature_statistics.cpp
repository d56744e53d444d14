// feature_statistics: writes mean and covariance of the features of a run's images to a .npz file.
//
//   mu[f] = mean over n of x[n,f];  sigma[f,g] = sum over n of (x[n,f] - mu[f]) (x[n,g] - mu[g]) / (count - 1)
//
// x: [N,F]; mu: [F], sigma: [F,F], float64, as pytorch-fid and others read and write them. frechet_distance takes the
// file as `statistics`, so that the features of real images are computed once.

#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "nodes/files/output_file.h"
#include "nodes/measures/features.h"
#include "nodes/measures/frechet.h"

namespace dagfusion {
namespace {

class StatisticsFile final : public Ordered, public NeedsAll {
 public:
  explicit StatisticsFile(Setup& setup) : x_(setup.input("x")), path_(setup.text("path")) {
    if (std::filesystem::path(path_).extension() != ".npz")
      setup.fail_at("path", fmt::format("'path' is '{}'; it must end in .npz", path_));
    refuse_folder(setup, "path");
  }

  void run(Call& call) override { gather(call, x_, features_); }

  void finish(RunInfo& run) override {
    const std::filesystem::path path = run.resolve(path_);
    const std::size_t count = features_.count();
    if (count < 2) {
      run.told(fmt::format("{} was not written: a covariance needs two images; there is {}", path.string(),
                           count));
    } else {
      if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
      write_statistics(path, statistics_of(features_));
      run.told(fmt::format("mean and covariance of {} images in {}", count, path.string()));
    }
    features_.values.clear();
  }
  void give_up(RunInfo& run) override {
    run.told(fmt::format("{} was not written, since the run was stopped before its last image",
                         run.resolve(path_).string()));
    features_.values.clear();
  }

 private:
  Input x_;
  std::string path_;
  Features features_;
};

}  // namespace

NodeType feature_statistics() {
  return {.name = "feature_statistics",
          .summary = "Writes mean and covariance of features to a .npz file, as FID compares them.",
          .stands_for = {"sink"},
          .example = "{type: feature_statistics, in: real_features, path: real.npz}",
          .role = Role::ordered,
          .inputs = {{"x", "[N,F] f32", "features of real images"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "file to write, below the run's directory",
                          .required = true}},
          .create = make_node<StatisticsFile>};
}

}  // namespace dagfusion
