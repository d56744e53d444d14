// reorder: copies feature maps from one memory layout to the other. The checker puts it where two nodes
// disagree.
//
//   y = x ;  dx = dy
//
// x, y: [N,C,H,W], plain or in blocks of channels; channels that only fill the last block up are zero.

#include <cstring>

#include "nodes/catalog.h"
#include "nodes/kernels/blocked.h"

namespace dagfusion {
namespace {

void reorder_images(const float* from, const TensorSpec& from_spec, float* to, const TensorSpec& to_spec) {
  if (from_spec.block == to_spec.block) {
    std::memcpy(to, from, to_spec.bytes());
    return;
  }
  const Shape& shape = from_spec.shape;
  const std::size_t from_size = from_spec.stored_elements() / shape[0],
                    to_size = to_spec.stored_elements() / shape[0];
  const int channels = static_cast<int>(shape[1]);
  const std::size_t pixels = shape[2] * shape[3];
  for (std::int64_t n = 0; n < shape[0]; ++n, from += from_size, to += to_size) {
    if (from_spec.block == 1) {
      kernels::plain_to_blocked(from, to, channels, pixels, to_spec.block);
    } else {
      kernels::blocked_to_plain(from, to, channels, pixels, from_spec.block);
    }
  }
}

class Reorder final : public Map {
 public:
  explicit Reorder(Setup& setup) : x_(setup.input("x")), y_(setup.output("y", x_.spec.shape)) {}

  void forward(Call& call) const override {
    reorder_images(call.in<float>(x_), x_.spec, call.out<float>(y_), y_.spec);
  }

  void backward(Call& call) const override {
    if (void* dx = call.d(x_)) {
      reorder_images(static_cast<const float*>(call.d(y_)), y_.spec, static_cast<float*>(dx), x_.spec);
    }
  }

 private:
  Input x_;
  Output y_;  // its layout is the checker's choice, by `layout`
};

}  // namespace

NodeType reorder() {
  return {.name = "reorder",
          .summary = "Copies feature maps from one memory layout to the other; made by the checker.",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 free", "feature maps"}},
          .outputs = {{"y", "[N,C,H,W] f32 free", "the same, in the other layout"}},
          .parameters = {{.name = "layout",
                          .kind = Kind::choice,
                          .doc = "layout of y",
                          .standard = std::string("blocked"),
                          .choices = {"plain", "blocked"}}},
          .differentiable = true,
          .create = make_node<Reorder>};
}

}  // namespace dagfusion
