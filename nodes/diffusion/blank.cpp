// blank: feature maps that hold nothing, as large as others.
//
//   out = 0
//
// like: [N,C,H,W]; out: [N,D,H,W], D = channels.
#include <algorithm>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Blank final : public Map {
 public:
  explicit Blank(Setup& setup) {
    Shape shape = setup.input("like").spec.shape;
    if (const std::int64_t channels = setup.integer("channels"); channels > 0) shape[1] = channels;
    out_ = setup.output("out", shape);
  }

  void forward(Call& call) const override {
    std::fill_n(call.out<float>(out_), count_of(out_.spec.shape), 0.0f);
  }

 private:
  Output out_;
};

}  // namespace

NodeType blank() {
  return {.name = "blank",
          .summary = "Feature maps that hold nothing, as large as others.",
          .example = "{type: blank, in: x0}",
          .inputs = {{"like", "[N,C,H,W] any free", "only its shape counts"}},
          .outputs = {{"out", "[N,D,H,W] f32", "0 everywhere"}},
          .parameters = {{.name = "channels",
                          .doc = "channels of out; 0 = as many as the input has",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 4096}},
          .create = make_node<Blank>};
}

}  // namespace dagfusion
