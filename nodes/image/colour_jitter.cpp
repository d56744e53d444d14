// colour_jitter: changes brightness, contrast, saturation and hue of every image, each by its own draws.
// Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1; in the
// form of Howard 2013, "Some Improvements on Deep Convolutional Neural Network Based Image Classification", arXiv:1312.5402.
//
//   grey = 0.299 R + 0.587 G + 0.114 B (of one channel: itself), factors f = U(1 - strength, 1 + strength), at least 0
//   brightness: x = f * x
//   contrast:   x = f * x + (1 - f) * (mean of grey over the image)
//   saturation: x = f * x + (1 - f) * grey
//   hue:        turned by U(-hue, hue) * 360 degrees about the grey axis of HSV
//   in this order, each clipped to 0 … 255 and rounded at the end
//
// x, y: [N,C,H,W], C = 1 or 3.

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "nodes/image/augmentation.h"

namespace dagfusion {
namespace {

class ColourJitter final : public Map {
 public:
  explicit ColourJitter(Setup& setup)
      : brightness_(setup.real("brightness")),
        contrast_(setup.real("contrast")),
        saturation_(setup.real("saturation")),
        hue_(setup.real("hue")),
        x_(setup.input("x")),
        y_(setup.output("y")),
        channels_(static_cast<int>(x_.spec.shape[1])),
        height_(static_cast<int>(x_.spec.shape[2])),
        width_(static_cast<int>(x_.spec.shape[3])) {
    if (channels_ != 1 && channels_ != 3)
      setup.fail_at_input("x", fmt::format("input 'x' is {} with {} channels; colours take 1 or 3",
                                           to_string(x_.spec.shape), channels_));
    for (const char* name : {"saturation", "hue"})
      if (channels_ == 1 && setup.real(name) > 0)
        setup.fail_at(name, fmt::format("'{}' is {}, but the images are grey", name, setup.real(name)));
  }

  void forward(Call& call) const override {
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    const std::int64_t image = std::int64_t{channels_} * height_ * width_;
    for (int n = 0; n < x_.spec.shape[0]; ++n, x += image, y += image) {
      cv::Mat pixels = read(x);
      Draws draws(call.random(n));
      jitter(draws, pixels);
      write(pixels, y);
    }
  }

 private:
  cv::Mat read(const std::uint8_t* image) const {
    std::vector<cv::Mat> planes;
    for (int c = 0; c < channels_; ++c) planes.push_back(plane(image, c, height_, width_));
    cv::Mat pixels;
    cv::merge(planes, pixels);
    pixels.convertTo(pixels, CV_32F, 1.0 / 255);
    return pixels;
  }

  void write(const cv::Mat& pixels, std::uint8_t* image) const {
    cv::Mat bytes;
    pixels.convertTo(bytes, CV_8U, 255);
    std::vector<cv::Mat> planes;
    for (int c = 0; c < channels_; ++c) planes.push_back(plane(image, c, height_, width_));
    cv::split(bytes, planes);
  }

  static double factor(Draws& draws, double strength) {
    return draws.between(std::max(0.0, 1 - strength), 1 + strength);
  }

  static cv::Mat grey_of(const cv::Mat& pixels) {
    if (pixels.channels() == 1) return pixels;
    cv::Mat grey;
    cv::cvtColor(pixels, grey, cv::COLOR_RGB2GRAY);
    return grey;
  }

  static void clip(cv::Mat& pixels) {
    cv::min(pixels, 1.0, pixels);
    cv::max(pixels, 0.0, pixels);
  }

  void jitter(Draws& draws, cv::Mat& pixels) const {
    const double brightness = factor(draws, brightness_), contrast = factor(draws, contrast_);
    const double saturation = factor(draws, saturation_), turn = draws.between(-hue_, hue_) * 360;
    if (brightness_ > 0) {
      pixels.convertTo(pixels, -1, brightness);
      clip(pixels);
    }
    if (contrast_ > 0) {
      const double middle = cv::mean(grey_of(pixels))[0];
      pixels.convertTo(pixels, -1, contrast, (1 - contrast) * middle);
      clip(pixels);
    }
    if (saturation_ > 0) {
      cv::Mat grey;
      cv::cvtColor(grey_of(pixels), grey, cv::COLOR_GRAY2RGB);
      cv::addWeighted(pixels, saturation, grey, 1 - saturation, 0, pixels);
      clip(pixels);
    }
    if (hue_ > 0) turn_hue(turn, pixels);
  }

  static void turn_hue(double degrees, cv::Mat& pixels) {
    cv::Mat hsv;
    cv::cvtColor(pixels, hsv, cv::COLOR_RGB2HSV);  // of floats: the hue in degrees, 0 … 360
    hsv.forEach<cv::Vec3f>([&](cv::Vec3f& pixel, const int*) {
      double hue = pixel[0] + degrees;
      if (hue < 0) hue += 360;
      if (hue >= 360) hue -= 360;
      pixel[0] = static_cast<float>(hue);
    });
    cv::cvtColor(hsv, pixels, cv::COLOR_HSV2RGB);
  }

  double brightness_, contrast_, saturation_, hue_;
  Input x_;
  Output y_;
  int channels_, height_, width_;
};

Parameter strength(const std::string& name, const std::string& doc, double most) {
  return {.name = name, .kind = Kind::real, .doc = doc, .standard = 0.0, .minimum = 0, .maximum = most};
}

}  // namespace

NodeType colour_jitter() {
  return {.name = "colour_jitter",
          .summary = "Changes brightness, contrast, saturation and hue of every image at random.",
          .stands_for = {"augmentation"},
          .paper = "Howard 2013, arXiv:1312.5402",
          .example = "{type: colour_jitter, in: images, brightness: 0.2, contrast: 0.2}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images, grey or in colours"}},
          .outputs = {{"y", "[N,C,H,W] u8", "the same in other colours"}},
          .parameters = {strength("brightness", "largest change of the factor 1", 10),
                         strength("contrast", "largest change of the factor 1", 10),
                         strength("saturation", "largest change of the factor 1", 10),
                         strength("hue", "largest turn to either side, as a share of the circle of colours",
                                  0.5)},
          .create = make_node<ColourJitter>};
}

}  // namespace dagfusion
