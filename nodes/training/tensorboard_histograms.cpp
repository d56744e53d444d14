// tensorboard_histograms: how weights and their gradients are spread, for TensorBoard.
//
// Writes event files below <run>/tensorboard/weights, a folder of its own since TensorBoard follows one file of a folder at a time.
// Of each weight there is one histogram of its values after the update, "model/conv_in.weight", and one of the gradient of the
// step, "gradients/model/conv_in.weight". The next step waits for it: `every` says how often.

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "graph/document/pattern.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/event_file.h"

namespace dagfusion {
namespace {

constexpr const char* kFolder = "tensorboard/weights";

class TensorboardHistograms final : public Ordered {
 public:
  explicit TensorboardHistograms(Setup& setup)
      : gradients_(setup.flag("gradients")), table_(setup.weight_table()) {
    const std::vector<WeightSpec>& weights = table_.weights();
    if (weights.empty())
      setup.fail("there are no weights yet; say behind which optimiser it comes, as in 'after: adam'");
    const std::string& pattern = setup.text("weights");
    for (std::size_t w = 0; w < weights.size(); ++w)
      if (matches(pattern, weights[w].path)) shown_.push_back(static_cast<int>(w));
    if (shown_.empty())
      setup.fail_at("weights",
                    fmt::format("'weights' is '{}', which matches none of the {} weights, such as {}",
                                pattern, weights.size(), weights.front().path));
  }

  void run(Call& call) override {
    if (!file_) file_.emplace(call.run().resolve(kFolder), call.run().first_step());
    const EventAt at{EventFile::now(), call.step() + 1};
    for (const int w : shown_) {
      const std::string& path = table_.weights()[static_cast<std::size_t>(w)].path;
      file_->write(histogram_event(at, path, table_.plain(w, call.run().values().values())));
      if (gradients_)
        file_->write(histogram_event(at, "gradients/" + path, table_.plain(w, call.run().gradients())));
    }
    file_->flush();
  }

 private:
  bool gradients_;
  const WeightTable& table_;
  std::vector<int> shown_;
  std::optional<EventFile> file_;
};

}  // namespace

NodeType tensorboard_histograms() {
  return {.name = "tensorboard_histograms",
          .summary = "Writes how weights and their gradients are spread for TensorBoard.",
          .example = "{type: tensorboard_histograms, after: adam, every: 500}",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::write,
          .parameters = {{.name = "weights",
                          .kind = Kind::text,
                          .doc = "pattern of the weights' paths",
                          .standard = std::string("**")},
                         {.name = "gradients",
                          .kind = Kind::boolean,
                          .doc = "those of the step, too",
                          .standard = true}},
          .create = make_node<TensorboardHistograms>};
}

}  // namespace dagfusion
