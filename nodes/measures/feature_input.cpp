// feature_input: brings images to the size and the range that a network of features was trained for.
// Parmar, Zhang, Zhu 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", arXiv:2104.11222: the way
// images are resized changes a Fréchet distance by more than the models that are compared differ.
//
// x: [N,C,H,W] in 0 … 255, C = 1 (grey) or 3; y: [N,channels,size,size].
// mode `tensorflow`: bilinear without half a pixel, source = target * H / size, as FID was defined: torch-fidelity,
//   EDM's fid.py, ADM's evaluator; y = (v - 128) / 128.
// mode `pytorch_fid`: bilinear from centre to centre, without a filter; y = v / 127.5 - 1.
// mode `clean`: clean-fid's: Pillow's bicubic filter as wide as the step, not rounded, cut off at 0 and 255;
//   y = (v - 128) / 128.
// Grey images are repeated for three channels; of colours, one channel is 0.299 red + 0.587 green + 0.114 blue.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/files/resample.h"

namespace dagfusion {
namespace {

enum class Mode { tensorflow, pytorch_fid, clean };

Mode mode_of(const std::string& text) {
  if (text == "pytorch_fid") return Mode::pytorch_fid;
  return text == "clean" ? Mode::clean : Mode::tensorflow;
}

// The two pixels of a line that one new pixel lies between, and how far from the first to the second.
struct Between {
  int first, second;
  float share;
};

std::vector<Between> between(int from, int to, bool centres) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  std::vector<Between> all;
  for (int i = 0; i < to; ++i) {
    const auto at = static_cast<float>(i);
    const float source = centres ? std::max(0.0f, (at + 0.5f) * scale - 0.5f) : at * scale;
    const int first = std::min(static_cast<int>(source), from - 1);
    all.push_back({first, std::min(first + 1, from - 1), source - static_cast<float>(first)});
  }
  return all;
}

class FeatureInput final : public Map {
 public:
  explicit FeatureInput(Setup& setup)
      : x_(setup.input("x")),
        mode_(mode_of(setup.text("mode"))),
        size_(static_cast<int>(setup.integer("size"))) {
    const Shape& x = x_.spec.shape;
    if (x[1] != 1 && x[1] != 3)
      setup.fail_at_input(
          "x", fmt::format("input 'x' is {} with {} channels; images have 1 or 3", to_string(x), x[1]));
    const std::int64_t channels = setup.integer("channels");
    if (channels != 1 && channels != 3)
      setup.fail_at("channels", fmt::format("'channels' is {}; it can be 1 or 3", channels));
    y_ = setup.output("y", {x[0], channels, size_, size_});
    height_ = static_cast<int>(x[2]);
    width_ = static_cast<int>(x[3]);
  }

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    const bool centres = mode_ == Mode::pytorch_fid;
    rows_ = between(height_, size_, centres);
    columns_ = between(width_, size_, centres);
    if (mode_ != Mode::clean) return;
    row_taps_ = taps_of(height_, size_, Filter::bicubic);
    column_taps_ = taps_of(width_, size_, Filter::bicubic);
    preparation.scratch(static_cast<std::size_t>(height_) * static_cast<std::size_t>(size_) * sizeof(float));
  }

  void forward(Call& call) const override {
    const std::int64_t channels = x_.spec.shape[1], out = y_.spec.shape[1];
    const std::int64_t from = std::int64_t{height_} * width_, to = std::int64_t{size_} * size_;
    in_runs(static_cast<std::size_t>(x_.spec.shape[0] * out), ways_, [&](std::size_t first, std::size_t end) {
      for (auto i = static_cast<std::int64_t>(first); i < static_cast<std::int64_t>(end); ++i) {
        const std::uint8_t* image = call.in<std::uint8_t>(x_) + i / out * channels * from;
        float* y = call.out<float>(y_) + i * to;
        if (channels == out || channels == 1) {
          const std::uint8_t* plane = image + (channels == 1 ? 0 : i % out * from);
          resize([plane](std::int64_t p) { return static_cast<float>(plane[p]); }, y, call);
        } else {
          resize([image, from](std::int64_t p) { return grey(image + p, from); }, y, call);
        }
        to_range(y, to);
      }
    });
  }

 private:
  static float grey(const std::uint8_t* red, std::int64_t plane) {
    constexpr float kRed = 0.299f, kGreen = 0.587f, kBlue = 0.114f;  // ITU-R BT.601
    return kRed * red[0] + kGreen * red[plane] + kBlue * red[2 * plane];
  }

  template <class Pixel>
  void resize(const Pixel& pixel, float* y, Call& call) const {
    if (mode_ == Mode::clean) return filter(pixel, y, reinterpret_cast<float*>(call.scratch()));
    for (const Between& row : rows_) {
      const std::int64_t above = std::int64_t{row.first} * width_, below = std::int64_t{row.second} * width_;
      for (const Between& column : columns_) {
        const auto across = [&](std::int64_t line) {
          const float left = pixel(line + column.first), right = pixel(line + column.second);
          return left + (right - left) * column.share;
        };
        const float top = across(above), bottom = across(below);
        *y++ = top + (bottom - top) * row.share;
      }
    }
  }

  // Pillow's order: along the rows, then along the columns; sums in float64, kept in float32.
  template <class Pixel>
  void filter(const Pixel& pixel, float* y, float* wide) const {
    for (std::int64_t h = 0; h < height_; ++h)
      for (std::int64_t q = 0; q < size_; ++q) {
        const Taps& taps = column_taps_[static_cast<std::size_t>(q)];
        double sum = 0;
        for (std::size_t k = 0; k < taps.weights.size(); ++k)
          sum += double{pixel(h * width_ + taps.first + static_cast<std::int64_t>(k))} * taps.weights[k];
        wide[h * size_ + q] = static_cast<float>(sum);
      }
    for (const Taps& taps : row_taps_)
      for (std::int64_t q = 0; q < size_; ++q) {
        double sum = 0;
        for (std::size_t k = 0; k < taps.weights.size(); ++k)
          sum += double{wide[(taps.first + static_cast<std::int64_t>(k)) * size_ + q]} * taps.weights[k];
        *y++ = std::clamp(static_cast<float>(sum), 0.0f, 255.0f);
      }
  }

  void to_range(float* y, std::int64_t count) const {
    if (mode_ == Mode::pytorch_fid)
      for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] / 127.5f - 1;
    else
      for (std::int64_t i = 0; i < count; ++i) y[i] = (y[i] - 128) / 128;
  }

  Input x_;
  Output y_;
  Mode mode_;
  int size_, height_ = 0, width_ = 0;
  std::vector<Between> rows_, columns_;
  std::vector<Taps> row_taps_, column_taps_;
  int ways_ = 1;
};

}  // namespace

NodeType feature_input() {
  return {.name = "feature_input",
          .summary = "Brings images to the size and the range that a network of features was trained for.",
          .paper = "Parmar et al. 2022, arXiv:2104.11222",
          .example = "{type: feature_input, in: images, size: 299, mode: tensorflow}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images, C = 1 or 3"}},
          .outputs = {{"y", "[N,K,S,S] f32", "what the network looks at"}},
          .parameters = {{.name = "mode",
                          .kind = Kind::choice,
                          .doc = "how images are resized, and their range",
                          .standard = std::string("tensorflow"),
                          .choices = {"tensorflow", "pytorch_fid", "clean"}},
                         {.name = "size",
                          .kind = Kind::integer,
                          .doc = "height and width",
                          .standard = std::int64_t{299},
                          .minimum = 1,
                          .maximum = 4096},
                         {.name = "channels",
                          .kind = Kind::integer,
                          .doc = "1 (grey) or 3",
                          .standard = std::int64_t{3}}},
          .create = make_node<FeatureInput>};
}

}  // namespace dagfusion
