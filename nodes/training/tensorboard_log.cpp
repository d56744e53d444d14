// tensorboard_log: numbers of the run and the pictures of its previews, for TensorBoard and all that imports its files.
//
// Writes event files below <run>/tensorboard: `tensorboard --logdir runs/train`. A number is its mean over the steps since the
// node fired before, as in metrics_log. Each picture of the previews is there once, under the name of its file and at its step.
// A run that goes on begins a new file, which says from where.

#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include "graph/types/catalog.h"
#include "graph/types/gathers.h"
#include "graph/types/setup.h"
#include "nodes/files/durable.h"
#include "nodes/files/event_file.h"
#include "nodes/files/previews.h"
#include "nodes/training/step_means.h"

namespace dagfusion {
namespace {

constexpr const char* kFolder = "tensorboard";
constexpr std::uint64_t kLargestPicture = 16 << 20;  // bytes; larger ones slow the browser down

class TensorboardLog final : public Ordered, public Gathers {
 public:
  explicit TensorboardLog(Setup& setup) : means_(setup.any_inputs()), pictures_(setup.flag("pictures")) {
    if (means_.empty() && !pictures_)
      setup.fail("nothing is wired, and 'pictures' is false; say what to write, as in 'in: {loss: loss}'");
  }

  void gather(Call& call) override { means_.add(call); }

  void run(Call& call) override {
    means_.add(call);
    open(call.run());
    const EventAt at{EventFile::now(), call.step() + 1};
    std::vector<Scalar> scalars;
    for (std::size_t i = 0; i < means_.size(); ++i)
      if (const std::optional<float> mean = means_.take(i)) scalars.push_back({means_.name(i), *mean});
    if (!scalars.empty()) file_->write(scalars_event(at, scalars));
    if (pictures_) write_pictures(call.run());
    file_->flush();
  }

  void finish(RunInfo& run) override {
    if (!file_) return;
    if (pictures_) write_pictures(run);
    file_->flush();
  }

  std::vector<StateTensor> state() override { return means_.state(); }

 private:
  void open(RunInfo& run) {
    if (file_) return;
    file_.emplace(run.resolve(kFolder), run.first_step());
    for (const Preview& preview : previews_of(run.directory()))
      if (preview.step <= run.first_step()) seen_.insert(preview.picture);
  }

  // Those that have come since the last time.
  void write_pictures(RunInfo& run) {
    for (const Preview& preview : previews_of(run.directory())) {
      if (preview.step == 0 || !seen_.insert(preview.picture).second) continue;
      std::error_code gone;
      if (std::filesystem::file_size(preview.picture, gone) > kLargestPicture || gone) continue;
      file_->write(picture_event({EventFile::now(), preview.step}, preview.picture.stem().string(),
                                 read_text(preview.picture)));
    }
  }

  StepMeans means_;
  bool pictures_;
  std::optional<EventFile> file_;
  std::set<std::filesystem::path> seen_;
};

}  // namespace

NodeType tensorboard_log() {
  return {.name = "tensorboard_log",
          .summary = "Writes numbers of the run and the pictures of its previews for TensorBoard.",
          .example = "{type: tensorboard_log, in: {loss: loss, grad_norm: adam.grad_norm}, every: 10}",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::read,
          .inputs = {{kAnyName, "[] f32", "a number, written under the name it is wired to"}},
          .parameters = {{.name = "pictures",
                          .kind = Kind::boolean,
                          .doc = "write what previews draw, too",
                          .standard = true}},
          .create = make_node<TensorboardLog>};
}

}  // namespace dagfusion
