// reorder: copies feature maps from one memory layout to the other, from float32 to bfloat16 or back. The
// checker puts it where two nodes disagree.
//
//   y = x ;  dx = dy, rounded where they become bfloat16
//
// x, y: [N,C,H,W], plain or in blocks of channels; channels that only fill the last block up are zero.

#include <cstring>

#include "graph/types/catalog.h"
#include "nodes/kernels/blocked.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Reorder final : public DifferentiableMap {
 public:
  explicit Reorder(Setup& setup)
      : x_(setup.input("x")),
        y_(setup.output_as("y",
                           {.dtype = setup.text("dtype") == "bf16" ? DType::bf16 : DType::f32,
                            .shape = x_.spec.shape,
                            .block = setup.text("layout") == "blocked" ? setup.run().channel_block : 1})) {}

  void prepare(Preparation& preparation) override {
    preparation.scratch((x_.spec.image_elements() + y_.spec.image_elements()) * sizeof(float));
  }

  void forward(Call& call) const override {
    copy(call.in<std::byte>(x_), x_.spec, call.out<std::byte>(y_), y_.spec, call.scratch());
  }

  void backward(Call& call) const override {
    if (auto* dx = call.d<std::byte>(x_)) copy(call.d<std::byte>(y_), y_.spec, dx, x_.spec, call.scratch());
  }

 private:
  // Image by image: to float32, to the other layout, to what is wanted;
  // what of these changes nothing is left out.
  static void copy(const std::byte* from, const TensorSpec& given, std::byte* to, const TensorSpec& wanted,
                   std::byte* scratch) {
    const std::size_t from_size = given.image_elements(), to_size = wanted.image_elements();
    float* wide = reinterpret_cast<float*>(scratch);
    for (std::int64_t n = 0; n < given.shape[0]; ++n) {
      const bool turns = given.block != wanted.block;
      const auto* x = reinterpret_cast<const float*>(from);
      float* turned = is_half(wanted) ? wide + from_size : reinterpret_cast<float*>(to);
      if (is_half(given)) {
        float* widened = turns ? wide : turned;
        kernels::widen(reinterpret_cast<const BFloat16*>(from), widened, from_size);
        x = widened;
      }
      if (turns) {
        turn(x, given, turned, wanted);
        x = turned;
      }
      if (is_half(wanted))
        kernels::narrow(x, reinterpret_cast<BFloat16*>(to), to_size);
      else if (x != turned)
        std::memcpy(turned, x, to_size * sizeof(float));
      from += from_size * size_of(given.dtype);
      to += to_size * size_of(wanted.dtype);
    }
  }

  // One image.
  static void turn(const float* x, const TensorSpec& given, float* y, const TensorSpec& wanted) {
    const int channels = static_cast<int>(given.shape[1]);
    const std::size_t pixels = given.shape[2] * given.shape[3];
    if (given.block == 1)
      kernels::plain_to_blocked(x, y, channels, pixels, wanted.block);
    else
      kernels::blocked_to_plain(x, y, channels, pixels, given.block);
  }

  Input x_;
  Output y_;
};

}  // namespace

NodeType reorder() {
  return {.name = "reorder",
          .summary = "Copies feature maps to another memory layout or dtype; made by the checker.",
          .example = "{type: reorder, in: x, layout: plain, dtype: f32}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] float free", "feature maps"}},
          .outputs = {{"y", "[N,C,H,W] float free", "the same, in the other form"}},
          .parameters = {{.name = "layout",
                          .kind = Kind::choice,
                          .doc = "layout of y",
                          .standard = std::string("blocked"),
                          .choices = {"plain", "blocked"}},
                         {.name = "dtype",
                          .kind = Kind::choice,
                          .doc = "dtype of y",
                          .standard = std::string("f32"),
                          .choices = {"f32", "bf16"}}},
          .changes_form = true,
          .create = make_node<Reorder>};
}

}  // namespace dagfusion
