// loss_history: keeps the last losses at each noise level, for importance_timesteps.
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 18.
//
//   of every image: its loss, without the weight, goes to the bin of its time       (nodes/diffusion/loss_record.h)
//
// per_image, t, weight: [N]. Losses of a step are seen in the next one. All of it is saved in checkpoints.
#include <fmt/format.h>

#include <cstring>

#include "graph/types/catalog.h"
#include "nodes/diffusion/loss_record.h"

namespace dagfusion {
namespace {

constexpr std::int64_t kBinsWithoutTimesteps = 100;

class LossHistory final : public Ordered, public KeepsLossRecord {
 public:
  explicit LossHistory(Setup& setup)
      : per_image_(setup.input("per_image")),
        t_(setup.input("t")),
        weight_(setup.input("weight")),
        batch_size_(setup.run().batch_size),
        record_(setup.resource<NoiseProcess>("diffusion"), bins(setup)) {}

  // The step's last frame comes when all its frames have drawn their times; those of the next step wait for this.
  void run(Call& call) override {
    const float *per_image = call.in<float>(per_image_), *t = call.in<float>(t_);
    const float* weight = weight_.connected() ? call.in<float>(weight_) : nullptr;
    for (int n = 0; n < call.valid(); ++n)
      record_.add(record_.bin(t[n]), weight ? per_image[n] / weight[n] : per_image[n]);
    if ((call.position() + call.valid()) % batch_size_ == 0) record_.renew();
  }

  const LossRecord& record() const override { return record_; }

  std::vector<StateTensor> state() override {
    const std::int64_t bins = record_.bins();
    return {values("losses", DType::f32, {bins, LossRecord::kKept}, record_.losses()),
            values("counts", DType::i32, {bins}, record_.counts())};
  }

 private:
  static int bins(Setup& setup) {
    const std::int64_t asked = setup.integer("bins");
    const int timesteps = setup.resource<NoiseProcess>("diffusion").timesteps();
    if (timesteps > 0 && asked > timesteps)
      setup.fail_at("bins", fmt::format("'bins' is {}, more than the {} timesteps of section 'diffusion'",
                                        asked, timesteps));
    return static_cast<int>(asked > 0 ? asked : timesteps > 0 ? timesteps : kBinsWithoutTimesteps);
  }

  template <class T>
  StateTensor values(std::string name, DType dtype, Shape shape, std::vector<T>& from) {
    return {.name = std::move(name),
            .dtype = dtype,
            .shape = std::move(shape),
            .save = [&from](std::byte* out) { std::memcpy(out, from.data(), from.size() * sizeof(T)); },
            .load =
                [&from, this](const std::byte* in) {
                  std::memcpy(from.data(), in, from.size() * sizeof(T));
                  record_.renew();
                }};
  }

  Input per_image_, t_, weight_;
  std::int64_t batch_size_;
  LossRecord record_;
};

}  // namespace

NodeType loss_history() {
  return {.name = "loss_history",
          .summary = "Keeps the last losses at each noise level, for importance_timesteps.",
          .paper = "Nichol, Dhariwal 2021, arXiv:2102.09672, eq. 18",
          .example = "{type: loss_history, in: {per_image: loss.per_image, t: t}}",
          .role = Role::ordered,
          .inputs = {{"per_image", "[N] f32", "loss of each image"},
                     {"t", "[N] f32", "time of each image"},
                     {.name = "weight",
                      .spec = "[N] f32",
                      .doc = "weight in that loss, to be taken out of it again",
                      .optional = true}},
          .parameters = {{.name = "bins",
                          .doc = "into how many parts the times are cut; 0 = one for each timestep, or 100",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 100000}},
          .create = make_node<LossHistory>};
}

}  // namespace dagfusion
