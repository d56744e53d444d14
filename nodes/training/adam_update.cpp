// adam_update: moves the weights against their gradients by Adam's rule.
// Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1; the weight
// decay is that of Loshchilov and Hutter 2017, "Decoupled Weight Decay Regularization", arXiv:1711.05101.
//
//   g  = scale * gradient                   t = 1 at the first update
//   lr = learning_rate * min(t / warmup_steps, 1) * fall
//   fall = 1 during the warm-up, or without decay_steps; else
//          (1 + cos(pi * min((t - 1 - warmup_steps) / (decay_steps - warmup_steps), 1))) / 2
//   w *= 1 - lr * weight_decay
//   m  = beta1 * m + (1 - beta1) * g        m_hat = m / (1 - beta1^t)
//   v  = beta2 * v + (1 - beta2) * g^2      v_hat = v / (1 - beta2^t)
//
//   w -= lr * m_hat / (sqrt(v_hat) + epsilon)                               PyTorch
//
// or, with epsilon_hat: true,
//
//   w -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)   TensorFlow 1, Ho et al. 2020
//
// Running averages (batch_norm) are no weights to this rule: they go the way that the frames of the step have added up.
// Ho et al. count the warm-up from 0, so that their first update changes nothing;
// our first one is their second.

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <numbers>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/weight_state.h"
#include "nodes/kernels/adam.h"
#include "nodes/training/adam_parameters.h"
#include "nodes/training/chunks.h"

namespace dagfusion {
namespace {

class AdamUpdate final : public Ordered {
 public:
  explicit AdamUpdate(Setup& setup)
      : scale_(setup.input("scale")),
        rate_out_(setup.output("learning_rate")),
        learning_rate_(setup.real("learning_rate")),
        epsilon_(setup.real("epsilon")),
        weight_decay_(setup.real("weight_decay")),
        warmup_steps_(setup.integer("warmup_steps")),
        decay_steps_(setup.integer("decay_steps")),
        epsilon_hat_(setup.flag("epsilon_hat")),
        table_(setup.weight_table()),
        trained_(setup.trained_weights(setup.text("weights"))),
        averages_(averages_of(table_, trained_)) {
    trained_ = without_averages(table_, std::move(trained_));
    if (decay_steps_ > 0 && decay_steps_ <= warmup_steps_)
      setup.fail_at("decay_steps",
                    fmt::format("'decay_steps' is {}; it must be more than the {} warmup_steps", decay_steps_,
                                warmup_steps_));
    if (const std::int64_t steps = setup.run().steps; decay_steps_ > 0 && steps > decay_steps_)
      setup.note_at(
          "decay_steps",
          fmt::format("'decay_steps' is {}, and run.steps {}: in the last {} the learning rate is 0 and "
                      "nothing is learnt; with 'decay_steps' {} it would fall to the end",
                      decay_steps_, steps, steps - decay_steps_, steps));
    const std::vector<double>& betas = setup.parameters().reals("betas");
    if (betas.size() != 2) {
      setup.fail_at("betas",
                    fmt::format("'betas' has {} numbers; Adam takes two, like [0.9, 0.999]", betas.size()));
    }
    beta1_ = betas[0];
    beta2_ = betas[1];
    for (std::size_t i = 0; i < betas.size(); ++i) {
      if (betas[i] >= 0 && betas[i] < 1) continue;
      setup.fail_at("betas", i, fmt::format("'betas' holds {}; each is at least 0 and below 1", betas[i]));
    }
  }

  void prepare(Preparation&) override {
    chunks_ = chunks_of(table_, trained_);
    m_ = Buffer(table_.floats() * sizeof(float));
    v_ = Buffer(table_.floats() * sizeof(float));
  }

  void run(Call& call) override {
    ++updates_;
    const double rate = learning_rate();
    const kernels::AdamStep step = step_with(rate, scale_.connected() ? *call.in<float>(scale_) : 1);
    float* values = call.run().values().values().data();
    const float* gradients = call.run().gradients().data();
    float* m = m_.as<float>().data();
    float* v = v_.as<float>().data();
    for_each_chunk(chunks_, [&](std::size_t i) {
      const auto [begin, count] = chunks_[i];
      kernels::adam(step, values + begin, gradients + begin, m + begin, v + begin, count);
    });
    for (const int w : averages_) go(table_.weights()[static_cast<std::size_t>(w)], values, gradients);
    *call.out<float>(rate_out_) = static_cast<float>(rate);
  }

  std::vector<StateTensor> state() override {
    std::vector<StateTensor> states;
    for (const int w : trained_) {
      const std::string& path = table_.weights()[static_cast<std::size_t>(w)].path;
      states.push_back(weight_state(table_, w, m_.as<float>(), path + ".m"));
      states.push_back(weight_state(table_, w, v_.as<float>(), path + ".v"));
    }
    states.push_back({.name = kUpdates,
                      .dtype = DType::i32,
                      .shape = {},
                      .save = [this](std::byte* out) { std::memcpy(out, &updates_, sizeof updates_); },
                      .load = [this](const std::byte* in) { std::memcpy(&updates_, in, sizeof updates_); }});
    return states;
  }

 private:
  static void go(const WeightSpec& average, float* values, const float* way) {
    for (std::size_t i = average.offset; i < average.offset + average.elements(); ++i) values[i] += way[i];
  }

  double learning_rate() const {
    if (updates_ <= warmup_steps_) return learning_rate_ * double(updates_) / double(warmup_steps_);
    if (decay_steps_ == 0) return learning_rate_;
    const double progress = double(updates_ - 1 - warmup_steps_) / double(decay_steps_ - warmup_steps_);
    return learning_rate_ * (1 + std::cos(std::numbers::pi * std::min(progress, 1.0))) / 2;
  }

  kernels::AdamStep step_with(double rate, float scale) const {
    const double correction1 = 1 - std::pow(beta1_, updates_);
    const double correction2 = 1 - std::pow(beta2_, updates_);
    kernels::AdamStep step{.gradient_scale = scale,
                           .learning_rate = rate,
                           .beta1 = beta1_,
                           .beta2 = beta2_,
                           .epsilon = epsilon_,
                           .correction1 = correction1,
                           .correction2 = correction2,
                           .weight_decay = weight_decay_,
                           .decoupled = true};
    if (epsilon_hat_) {
      const double corrected =
          std::sqrt(correction2) / correction1;  // goes into the rate, and out of the decay
      step.learning_rate = rate * corrected;
      step.weight_decay = weight_decay_ / corrected;
      step.correction1 = step.correction2 = 1;
    }
    return step;
  }

  Input scale_;
  Output rate_out_;
  double learning_rate_, beta1_ = 0, beta2_ = 0, epsilon_, weight_decay_;
  std::int64_t warmup_steps_, decay_steps_;
  bool epsilon_hat_;
  const WeightTable& table_;
  std::vector<int> trained_, averages_;
  std::vector<Chunk> chunks_;
  Buffer m_, v_;
  std::int32_t updates_ = 0;
};

}  // namespace

NodeType adam_update() {
  return {.name = "adam_update",
          .summary = "Moves the weights against their gradients by Adam's rule.",
          .paper = "Kingma, Ba 2014, arXiv:1412.6980, algorithm 1; Loshchilov, Hutter 2017, arXiv:1711.05101",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::write,
          .inputs = {{.name = "scale",
                      .spec = "[] f32",
                      .doc = "factor for every gradient; 1 when not wired",
                      .optional = true}},
          .outputs = {{"learning_rate", "[] f32", "rate of this update, after warm-up"}},
          .parameters = adam_parameters(),
          .create = make_node<AdamUpdate>};
}

}  // namespace dagfusion
