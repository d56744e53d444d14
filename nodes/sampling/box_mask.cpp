// box_mask: a mask that is 0 inside a box and 1 around it: what inpainting keeps, and what it fills in.
//
//   mask = 0 for rows top … bottom and columns left … right, given as shares of height and width, else 1
//
// like: [N,C,H,W], only its shape counts; mask: [N,C,H,W].
#include <fmt/format.h>

#include <cmath>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class BoxMask final : public Map {
 public:
  explicit BoxMask(Setup& setup) : mask_(setup.output("mask", setup.input("like").spec.shape)) {
    const std::vector<double>& box = setup.parameters().reals("box");
    if (box.size() != 4)
      setup.fail_at("box", fmt::format("'box' has {} numbers; it is [top, left, bottom, right]", box.size()));
    if (box[0] >= box[2] || box[1] >= box[3])
      setup.fail_at("box",
                    fmt::format("'box' is empty: top {} and left {} must lie before bottom {} and right {}",
                                box[0], box[1], box[2], box[3]));
    height_ = mask_.spec.shape[2];
    width_ = mask_.spec.shape[3];
    top_ = place(box[0], height_);
    left_ = place(box[1], width_);
    bottom_ = place(box[2], height_);
    right_ = place(box[3], width_);
  }

  void forward(Call& call) const override {
    float* mask = call.out<float>(mask_);
    const std::int64_t planes = mask_.spec.shape[0] * mask_.spec.shape[1];
    for (std::int64_t p = 0; p < planes; ++p)
      for (std::int64_t y = 0; y < height_; ++y)
        for (std::int64_t x = 0; x < width_; ++x)
          *mask++ = y >= top_ && y < bottom_ && x >= left_ && x < right_ ? 0.0f : 1.0f;
  }

 private:
  static std::int64_t place(double share, std::int64_t side) { return std::llround(share * double(side)); }

  Output mask_;
  std::int64_t height_, width_, top_, left_, bottom_, right_;
};

}  // namespace

NodeType box_mask() {
  return {.name = "box_mask",
          .summary = "A mask that is 0 inside a box and 1 around it.",
          .example = "{type: box_mask, in: x0, box: [0.5, 0.0, 1.0, 1.0]}",
          .inputs = {{"like", "[N,C,H,W] f32", "images; only their shape counts"}},
          .outputs = {{"mask", "[N,C,H,W] f32", "0 inside, 1 around it"}},
          .parameters = {{.name = "box",
                          .kind = Kind::reals,
                          .doc = "top, left, bottom and right, as shares of height and width",
                          .standard = std::vector<double>{0.25, 0.25, 0.75, 0.75},
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<BoxMask>};
}

}  // namespace dagfusion
