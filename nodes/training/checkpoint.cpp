// checkpoint: saves all that a run needs to go on, bit for bit, as if it had never stopped.
//
// Each is a directory <run>/checkpoints/step-NNNNNN (nodes/files/checkpoint_files.h), there as a whole or not
// at all, whatever stops the process. Older ones go only after the new one has been read back.

#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/checkpoint_files.h"

namespace dagfusion {
namespace {

class Checkpoint final : public Ordered {
 public:
  explicit Checkpoint(Setup& setup) : keep_(setup.integer("keep")) {}

  void run(Call& call) override {
    const std::int64_t step = call.step() + 1;
    newest_ = write_checkpoint(call.run(), step).string();
    if (keep_ > 0) stay_ = remove_old_checkpoints(call.run().directory(), step, keep_);
  }

  void finish(RunInfo& run) override {
    if (!newest_.empty()) run.told("checkpoint: " + newest_);
    for (const std::string& old : stay_) run.told("warning: an old checkpoint could not be removed, " + old);
  }

 private:
  std::int64_t keep_;
  std::string newest_;
  std::vector<std::string> stay_;  // old ones that the last try did not remove
};

}  // namespace

NodeType checkpoint() {
  return {.name = "checkpoint",
          .summary = "Saves all that a run needs to go on as if it had never stopped.",
          .example = "{type: checkpoint, every: 1000, keep: 3}",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::save,
          .parameters = {{.name = "keep",
                          .kind = Kind::integer,
                          .doc = "how many are kept, the newest; 0 = all",
                          .standard = std::int64_t{3},
                          .minimum = 0}},
          .create = make_node<Checkpoint>};
}

}  // namespace dagfusion
