// drop_label: takes some images' class away, so that a model learns to do without as well.
// Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv:2207.12598, algorithm 1 line 3.
//
//   out[n] = -1 with probability p, else label[n]
//
// label, out: [N], the class of each image, -1 = none. Each image has its own throw.

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class DropLabel final : public Map {
 public:
  explicit DropLabel(Setup& setup)
      : probability_(setup.real("probability")), label_(setup.input("label")), out_(setup.output("out")) {}

  void forward(Call& call) const override {
    const auto* label = call.in<std::int32_t>(label_);
    auto* out = call.out<std::int32_t>(out_);
    for (int n = 0; n < out_.spec.shape[0]; ++n)
      out[n] = uniform01(call.random(n).block(0)[0]) < probability_ ? -1 : label[n];
  }

 private:
  double probability_;
  Input label_;
  Output out_;
};

}  // namespace

NodeType drop_label() {
  return {.name = "drop_label",
          .summary = "Takes some images' class away, so that a model learns to do without as well.",
          .paper = "Ho and Salimans 2022, arXiv:2207.12598, algorithm 1",
          .example = "{type: drop_label, in: digits.label, probability: 0.1}",
          .inputs = {{"label", "[N] i32", "class of each image, -1 = none"}},
          .outputs = {{"out", "[N] i32", "the same, or -1"}},
          .parameters = {{.name = "probability",
                          .kind = Kind::real,
                          .doc = "how likely an image loses its class",
                          .standard = 0.1,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<DropLabel>};
}

}  // namespace dagfusion
