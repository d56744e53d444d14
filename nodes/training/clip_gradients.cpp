// clip_gradients: measures the gradient of all trained weights together and says by what to scale it.
// Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", arXiv:1211.5063,
// section 3.2, with the small number that PyTorch adds to the norm.
//
//   grad_norm = sqrt(sum over all weights of g^2)
//   scale     = min(1, clip_norm / (grad_norm + 1e-6)), or 1 when clip_norm is 0
//
// g is the gradient of the mean loss over the batch.
// The sum is taken in double, chunk by chunk in a fixed order.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/kernels/sums.h"
#include "nodes/training/chunks.h"

namespace dagfusion {
namespace {

class ClipGradients final : public Ordered {
 public:
  explicit ClipGradients(Setup& setup)
      : scale_(setup.output("scale")),
        grad_norm_(setup.output("grad_norm")),
        clip_norm_(setup.real("clip_norm")),
        table_(setup.weight_table()),
        trained_(without_averages(table_, setup.trained_weights(setup.text("weights")))) {}

  void prepare(Preparation&) override {
    chunks_ = chunks_of(table_, trained_);
    sums_.resize(chunks_.size());
  }

  void run(Call& call) override {
    const std::span<const float> gradients = call.run().gradients();
    for_each_chunk(chunks_, [&](std::size_t i) {
      sums_[i] = kernels::sum_of_squares(gradients.data() + chunks_[i].begin, chunks_[i].count);
    });
    double sum = 0;
    for (const double part : sums_) sum += part;
    const double norm = std::sqrt(sum);
    if (!std::isfinite(norm)) refuse(gradients);
    *call.out<float>(scale_) =
        clip_norm_ > 0 ? static_cast<float>(std::min(1.0, clip_norm_ / (norm + 1e-6))) : 1;
    *call.out<float>(grad_norm_) = static_cast<float>(norm);
  }

 private:
  [[noreturn]] void refuse(std::span<const float> gradients) const {
    for (const int w : trained_) {
      const WeightSpec& weight = table_.weights()[static_cast<std::size_t>(w)];
      if (kernels::all_finite(gradients.data() + weight.offset, weight.elements())) continue;
      throw std::runtime_error(fmt::format(
          "the gradient of '{}' is not finite; a lower learning_rate or more warmup_steps may help",
          weight.path));
    }
    throw std::logic_error("the norm of finite gradients is not finite");
  }

  Output scale_, grad_norm_;
  double clip_norm_;
  const WeightTable& table_;
  std::vector<int> trained_;
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;
};

}  // namespace

NodeType clip_gradients() {
  return {.name = "clip_gradients",
          .summary = "Measures the gradient of all weights together and says by what to scale it.",
          .paper = "Pascanu et al. 2013, arXiv:1211.5063, section 3.2",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::write,
          .outputs = {{"scale", "[] f32", "factor for every gradient"},
                      {"grad_norm", "[] f32", "length of the gradient before scaling"}},
          .parameters = {{.name = "clip_norm",
                          .kind = Kind::real,
                          .doc = "longest gradient that is let through; 0 = any",
                          .standard = 0.0,
                          .minimum = 0},
                         {.name = "weights",
                          .kind = Kind::text,
                          .doc = "pattern of the weights",
                          .standard = std::string("**")}},
          .create = make_node<ClipGradients>};
}

}  // namespace dagfusion
