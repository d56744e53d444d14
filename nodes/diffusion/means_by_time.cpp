// means_by_time: the loss of each quartile of the noise over a step, from what sums_by_time gave for its frames.
//
//   loss_q[q] = sums[q] / sums[4 + q];  not a number in steps without an image there
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

constexpr int kQuartiles = 4;

class MeansByTime final : public Ordered {
 public:
  explicit MeansByTime(Setup& setup) : sums_(setup.input("sums")) {
    for (int q = 0; q < kQuartiles; ++q) means_[q] = setup.output("loss_q" + std::to_string(q));
  }

  void run(Call& call) override {
    const float* sums = call.in<float>(sums_);
    for (int q = 0; q < kQuartiles; ++q) *call.out<float>(means_[q]) = sums[q] / sums[kQuartiles + q];
  }

 private:
  Input sums_;
  Output means_[kQuartiles];
};

}  // namespace

NodeType means_by_time() {
  return {.name = "means_by_time",
          .summary = "The loss of each quartile of the noise over a step.",
          .example = "{type: means_by_time, in: sums}",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::read,
          .inputs = {{"sums", "[8] f32", "from sums_by_time"}},
          .outputs = {{"loss_q0", "[] f32", "loss of the images with the least noise"},
                      {"loss_q1", "[] f32", "of those with less noise than half"},
                      {"loss_q2", "[] f32", "of those with more noise than half"},
                      {"loss_q3", "[] f32", "of those with the most noise"}},
          .create = make_node<MeansByTime>};
}

}  // namespace dagfusion
