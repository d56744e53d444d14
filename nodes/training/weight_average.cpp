// weight_average: keeps a moving average of all weights, which samples better than the weights themselves.
// Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging", doi:10.1137/0330046; for
// diffusion models Ho et al. 2020, arXiv:2006.11239, appendix B (decay 0.9999).
//
//   average = d * average + (1 - d) * weights         n = 1 at the first update
//   d = 0 for n = 1, so that the average starts as a copy; then
//   d = decay                                                          warmup: none
//   d = min(decay, 1 - (1 + (n - 1) / inv_gamma)^-power)               warmup: power
//   d = min(decay, 0.5^(b / min(half_life, ramp * seen)))              warmup: images
//
// images, as Karras et al. 2022 (EDM), arXiv:2206.00364, have it: b images came since the update before, seen before those.
// n counts the updates made here (with `every: 10`, one in ten steps);
// it is saved, so that a resumed run goes on with it.

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/weight_state.h"
#include "nodes/kernels/adam.h"
#include "nodes/training/chunks.h"
#include "nodes/training/share_of_start.h"

namespace dagfusion {
namespace {

class WeightAverage final : public Ordered, public WeightSource {
 public:
  explicit WeightAverage(Setup& setup)
      : decay_out_(setup.output("decay")),
        decay_(setup.real("decay")),
        warmup_(setup.text("warmup")),
        inv_gamma_(setup.real("inv_gamma")),
        power_(setup.real("power")),
        half_life_(setup.real("half_life")),
        ramp_(setup.real("ramp")),
        batch_size_(static_cast<double>(setup.run().batch_size)),
        table_(setup.weight_table()) {
    note_slow(setup);
  }

  void prepare(Preparation&) override {
    average_ = WeightValues(table_.floats(), table_.packed_bytes());
    std::vector<int> all(table_.weights().size());
    for (std::size_t w = 0; w < all.size(); ++w) all[w] = static_cast<int>(w);
    chunks_ = chunks_of(table_, all);
  }

  void run(Call& call) override {
    ++updates_;
    const double decay = decay_now(batch_size_ * static_cast<double>(call.step() + 1));
    const float* values = call.run().values().values().data();
    float* average = average_.values().data();
    for_each_chunk(chunks_, [&](std::size_t i) {
      const auto [begin, count] = chunks_[i];
      kernels::move_average(decay, values + begin, average + begin, count);
    });
    packed_ = false;
    *call.out<float>(decay_out_) = static_cast<float>(decay);
  }

  // Packs only when somebody asks: a preview comes once in a thousand updates.
  WeightValues& weights() override {
    if (!packed_) table_.pack(average_);
    packed_ = true;
    return average_;
  }

  std::vector<StateTensor> state() override {
    std::vector<StateTensor> states = weight_states(table_, average_.values());
    states.push_back({.name = kUpdates,
                      .dtype = DType::i32,
                      .shape = {},
                      .save = [this](std::byte* out) { std::memcpy(out, &updates_, sizeof updates_); },
                      .load =
                          [this](const std::byte* in) {
                            std::memcpy(&updates_, in, sizeof updates_);
                            packed_ = false;
                          }});
    return states;
  }

 private:
  void note_slow(Setup& setup) const {
    const auto steps = setup.run().steps;
    const double left = share_of_start(decay_, steps);
    if (!setup.run().training || warmup_ != "none" || left < kSlow) return;
    setup.note_at("decay",
                  fmt::format("'decay' is {}, slow for {}: {:.0f}% of the average would still be the "
                              "weights of the first; warmup: power makes it faster",
                              decay_, counted(steps, "step"), 100 * left));
  }

  double decay_now(double images) const {
    if (updates_ == 1) return 0;
    if (warmup_ == "power") return std::min(decay_, 1 - std::pow(1 + (updates_ - 1) / inv_gamma_, -power_));
    if (warmup_ == "images") {
      const double each = images / updates_;  // of an update
      return std::min(decay_, std::pow(0.5, each / std::min(half_life_, ramp_ * (images - each))));
    }
    return decay_;
  }

  Output decay_out_;
  double decay_;
  std::string warmup_;
  double inv_gamma_, power_, half_life_, ramp_, batch_size_;
  const WeightTable& table_;
  std::vector<Chunk> chunks_;
  WeightValues average_;
  bool packed_ = false;
  std::int32_t updates_ = 0;
};

}  // namespace

NodeType weight_average() {
  return {
      .name = "weight_average",
      .summary = "Keeps a moving average of all weights, which samples better than the weights themselves.",
      .stands_for = {"average"},
      .paper =
          "Polyak, Juditsky 1992, doi:10.1137/0330046; Ho et al. 2020, arXiv:2006.11239, appendix B; "
          "Karras et al. 2022, arXiv:2206.00364",
      .example = "{type: weight_average, after: adam, decay: 0.9999}",
      .role = Role::ordered,
      .rate = Rate::step,
      .phase = Phase::write,
      .outputs = {{"decay", "[] f32", "share of the old average in this update"}},
      .parameters = {{.name = "decay",
                      .kind = Kind::real,
                      .doc = "share of the old average, after warm-up",
                      .standard = 0.9999,
                      .minimum = 0,
                      .maximum = 1},
                     {.name = "warmup",
                      .kind = Kind::choice,
                      .doc = "none; power: a share that grows with the number of updates; images: with the "
                             "number of images seen",
                      .standard = std::string("none"),
                      .choices = {"none", "power", "images"}},
                     {.name = "inv_gamma",
                      .kind = Kind::real,
                      .doc = "of warmup power: updates that count as one",
                      .standard = 1.0,
                      .minimum = 0,
                      .above_minimum = true},
                     {.name = "power",
                      .kind = Kind::real,
                      .doc = "of warmup power: 2/3 for a million updates and more, 3/4 for less",
                      .standard = 0.75,
                      .minimum = 0,
                      .above_minimum = true},
                     {.name = "half_life",
                      .kind = Kind::real,
                      .doc = "of warmup images: images after which half of the average is new",
                      .standard = 500000.0,
                      .minimum = 0,
                      .above_minimum = true},
                     {.name = "ramp",
                      .kind = Kind::real,
                      .doc = "of warmup images: no more than this share of the images seen",
                      .standard = 0.05,
                      .minimum = 0,
                      .above_minimum = true}},
      .create = make_node<WeightAverage>};
}

}  // namespace dagfusion
