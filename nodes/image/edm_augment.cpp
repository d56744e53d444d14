// edm_augment: changes images at random and says how, so that a model that knows how learns from the changes without making them.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, appendix F.2 and
// table 6; after Jun et al. 2020, "Distribution Augmentation for Generative Modeling".
//
//   each with probability p, of its own draws (a label is 0 where nothing happens):      label
//   mirrored left to right (half of all images, whatever p)                              0: 1
//   upside down (half of those chosen)                                                   1: 1
//   scaled by 2^(0.2 w), w ~ N(0,1)                                                      2: w
//   turned by a ~ U(-pi, pi)                                                             3, 4: cos a - 1, sin a
//   stretched by 2^(0.2 w) along a direction and squeezed across it, w ~ N(0,1); the     5, 6: w cos b, w sin b
//     direction b ~ U(-pi, pi), or 0 for half of them
//   moved by w * 0.125 of width and height, w ~ N(0,1) each                              7, 8: w
//
// x, y: [N,C,H,W], such as [-1,1]; label: [N,9], for the model's input `augment`: an image that is drawn has none of it.
// Cubic interpolation, and mirrored at the edges; an image that is only flipped keeps its values bit for bit.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "graph/types/catalog.h"
#include "nodes/image/draws.h"

namespace dagfusion {
namespace {

constexpr int kLabel = 9;
constexpr double kScale = 0.2, kStretch = 0.2, kShift = 0.125;

// [a b; c d] about the middle, and what comes after.
cv::Matx33d linear_map(double a, double b, double c, double d) { return {a, b, 0, c, d, 0, 0, 0, 1}; }
cv::Matx33d turned_by(double angle) {
  return linear_map(std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle));
}

// What happens to one image.
struct Change {
  bool mirrored = false, upside_down = false, warped = false;
  cv::Matx33d place = cv::Matx33d::eye();  // of pixels about the middle
};

class EdmAugment final : public Map {
 public:
  explicit EdmAugment(Setup& setup)
      : probability_(setup.real("probability")),
        x_(setup.input("x")),
        y_(setup.output("y")),
        label_(setup.output("label", {x_.spec.shape[0], kLabel})),
        channels_(x_.spec.shape[1]),
        height_(static_cast<int>(x_.spec.shape[2])),
        width_(static_cast<int>(x_.spec.shape[3])) {}

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    float* label = call.out<float>(label_);
    const std::int64_t pixels = std::int64_t{height_} * width_;
    for (int n = 0; n < x_.spec.shape[0]; ++n, label += kLabel) {
      Draws draws(call.random(n));
      const Change change = drawn(draws, label);
      for (std::int64_t c = 0; c < channels_; ++c, x += pixels, y += pixels) apply(change, x, y);
    }
  }

 private:
  Change drawn(Draws& draws, float* label) const {
    std::fill_n(label, kLabel, 0.0f);
    Change change;
    // All draws are taken, so that each change keeps its own whatever the probability of others.
    const bool mirrored = draws.happens(0.5), flips = draws.happens(probability_),
               upside_down = draws.happens(0.5);
    const bool scales = draws.happens(probability_);
    const double scale = draws.gaussian();
    const bool turns = draws.happens(probability_);
    const double angle = draws.between(-std::numbers::pi, std::numbers::pi);
    const bool stretches = draws.happens(probability_);
    const double stretch = draws.gaussian(), any = draws.between(-std::numbers::pi, std::numbers::pi);
    const double direction = draws.happens(0.5) ? any : 0;
    const bool moves = draws.happens(probability_);
    const double right = draws.gaussian(), down = draws.gaussian();

    const auto say = [&](int place, double value) { label[place] = static_cast<float>(value); };
    if (mirrored) {
      change.mirrored = true;
      say(0, 1);
    }
    if (flips && upside_down) {
      change.upside_down = true;
      say(1, 1);
    }
    if (scales) {
      const double factor = std::exp2(kScale * scale);
      change.place = linear_map(factor, 0, 0, factor) * change.place;
      say(2, scale);
    }
    if (turns) {
      change.place = turned_by(angle) * change.place;
      say(3, std::cos(angle) - 1);
      say(4, std::sin(angle));
    }
    if (stretches) {
      const double factor = std::exp2(kStretch * stretch);
      change.place =
          turned_by(direction) * linear_map(factor, 0, 0, 1 / factor) * turned_by(-direction) * change.place;
      say(5, stretch * std::cos(direction));
      say(6, stretch * std::sin(direction));
    }
    if (moves) {
      change.place(0, 2) += kShift * right * width_;
      change.place(1, 2) += kShift * down * height_;
      say(7, right);
      say(8, down);
    }
    change.warped = scales || turns || stretches || moves;
    return change;
  }

  void apply(const Change& change, const float* x, float* y) const {
    const cv::Mat from(height_, width_, CV_32FC1, const_cast<float*>(x));
    cv::Mat to(height_, width_, CV_32FC1, y);
    if (change.mirrored || change.upside_down)
      cv::flip(from, to, change.mirrored && change.upside_down ? -1 : change.mirrored ? 1 : 0);
    else
      from.copyTo(to);
    if (!change.warped) return;
    const double mx = (width_ - 1) / 2.0, my = (height_ - 1) / 2.0;
    const cv::Matx33d middle(1, 0, mx, 0, 1, my, 0, 0, 1), back(1, 0, -mx, 0, 1, -my, 0, 0, 1);
    const cv::Matx33d place = middle * change.place * back;
    const cv::Mat flipped = to.clone();
    cv::warpAffine(flipped, to, place.get_minor<2, 3>(0, 0), to.size(), cv::INTER_CUBIC,
                   cv::BORDER_REFLECT_101);
  }

  double probability_;
  Input x_;
  Output y_, label_;
  std::int64_t channels_;
  int height_, width_;
};

}  // namespace

NodeType edm_augment() {
  return {.name = "edm_augment",
          .summary = "Changes images at random and says how, for a model that takes it as an input.",
          .stands_for = {"augmentation"},
          .paper = "Karras et al. 2022, arXiv:2206.00364, appendix F.2, table 6",
          .example = "{type: edm_augment, in: x0, probability: 0.12}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32", "clean images"}},
          .outputs = {{"y", "[N,C,H,W] f32", "the same, changed"},
                      {"label", "[N,9] f32", "how each was changed, for the model's input `augment`"}},
          .parameters = {{.name = "probability",
                          .kind = Kind::real,
                          .doc = "how likely each change is, except for mirroring",
                          .standard = 0.12,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<EdmAugment>};
}

}  // namespace dagfusion
