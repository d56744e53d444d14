// coin: 1 with a probability, else 0, for `when` of another node: the same for all images of a batch.
//
//   out = 1 if u < probability, u ~ Uniform[0,1) of the batch, else 0
//
// like: anything; out: one number. All frames of a step get the same, however the batch is cut into frames.
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Coin final : public Map {
 public:
  explicit Coin(Setup& setup)
      : out_(setup.output("out")),
        batch_size_(static_cast<std::uint64_t>(std::max<std::int64_t>(setup.run().batch_size, 1))),
        probability_(setup.real("probability")) {
    setup.input("like");
  }

  void forward(Call& call) const override {
    RandomStream stream = call.random(0);
    stream.image -= stream.image % batch_size_;
    *call.out<float>(out_) = uniform01(stream.block(0)[0]) < probability_ ? 1.0f : 0.0f;
  }

 private:
  Output out_;
  std::uint64_t batch_size_;
  double probability_;
};

}  // namespace

NodeType coin() {
  return {.name = "coin",
          .summary = "1 with a probability, else 0, the same for all images of a batch; for `when`.",
          .example = "{type: coin, in: x0, probability: 0.5}",
          .inputs = {{"like", "[N,...] any free", "anything that every frame has"}},
          .outputs = {{"out", "[] f32", "1 or 0"}},
          .parameters = {{.name = "probability",
                          .kind = Kind::real,
                          .doc = "how often it is 1",
                          .standard = 0.5,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<Coin>};
}

}  // namespace dagfusion
