// importance_timesteps: draws times more often where the loss is large, and gives the weight that makes up for it.
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 18.
//
//   t ~ p(t), p ~ sqrt(E[loss^2 at t]); weight = 1 / (T p(t)): the mean of weight * loss stays that of even draws
//
// like: [N,...], only N counts; t, weight: [N], the weight for the port `weight` of the loss. What losses there were a
// loss_history keeps, which is named here; its node comes behind the loss:
//   t:      {type: importance_timesteps, in: x0, history: losses}
//   losses: {type: loss_history, in: {per_image: loss.per_image, t: t, weight: t.weight}}
#include <fmt/format.h>

#include <atomic>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/reads_steps.h"
#include "nodes/diffusion/loss_record.h"

namespace dagfusion {
namespace {

class ImportanceTimesteps final : public Map, public ReadsSteps {
 public:
  explicit ImportanceTimesteps(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")), history_(setup.text("history")) {
    const Shape images = {setup.input("like").spec.shape[0]};
    t_ = setup.output("t", images);
    weight_ = setup.output("weight", images);
  }

  void forward(Call& call) const override {
    const LossRecord& record = this->record(call);
    float *t = call.out<float>(t_), *weight = call.out<float>(weight_);
    for (int n = 0; n < t_.spec.shape[0]; ++n) {
      const Philox4 words = call.random(n).block(0);
      const double u = static_cast<double>((std::uint64_t{words[1]} << 32 | words[0]) >> 11) * 0x1p-53;
      const LossRecord::Draw draw = record.draw(u);
      t[n] = static_cast<float>(process_.at_share(draw.share));
      weight[n] = static_cast<float>(draw.weight);
    }
  }

 private:
  // The node comes behind this one, so that only a run knows it.
  const LossRecord& record(const Call& call) const {
    if (const LossRecord* known = record_) return *known;
    for (const RunInfo::Stateful& node : call.run().stateful())
      if (const auto* keeper = dynamic_cast<const KeepsLossRecord*>(node.node);
          keeper && node.path == history_)
        record_ = &keeper->record();
    if (const LossRecord* found = record_) return *found;
    throw std::runtime_error(
        fmt::format("'history' is {}, but no node of type loss_history has that name", history_));
  }

  const NoiseProcess& process_;
  std::string history_;
  Output t_, weight_;
  mutable std::atomic<const LossRecord*> record_{nullptr};
};

}  // namespace

NodeType importance_timesteps() {
  return {
      .name = "importance_timesteps",
      .summary = "Draws times more often where the loss is large, and gives the weight that makes up for it.",
      .stands_for = {"timesteps"},
      .paper = "Nichol, Dhariwal 2021, arXiv:2102.09672, eq. 18",
      .example = "{type: importance_timesteps, in: x0, history: losses}",
      .inputs = {{"like", "[N,...] any free", "anything that has a value for each image"}},
      .outputs = {{"t", "[N] f32", "time of each image"},
                  {"weight", "[N] f32", "for the port `weight` of the loss"}},
      .parameters = {{.name = "history",
                      .kind = Kind::text,
                      .doc = "the loss_history node that keeps the losses",
                      .required = true,
                      .wanted = "the name of a loss_history node"}},
      .create = make_node<ImportanceTimesteps>};
}

}  // namespace dagfusion
