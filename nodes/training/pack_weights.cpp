// pack_weights: brings the packed copies of all weights up to date,
// once per step for every frame and layer to share.

#include "graph/types/catalog.h"
#include "graph/types/setup.h"

namespace dagfusion {
namespace {

class PackWeights final : public Ordered {
 public:
  explicit PackWeights(Setup& setup) { setup.input("after"); }
  void run(Call& call) override { call.run().weights().pack(call.run().values()); }
};

}  // namespace

NodeType pack_weights() {
  return {.name = "pack_weights",
          .summary = "Brings the packed copies of all weights up to date.",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::write,
          .inputs = {{"after", "[] f32", "any output of the node that has changed the weights"}},
          .create = make_node<PackWeights>};
}

}  // namespace dagfusion
