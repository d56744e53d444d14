// drawn_digits: draws digits with vector fonts: an endless data set that needs no file.
//
// Digit, font, line width, angle, size and place of image i follow from (seed, i) alone. A digit is drawn
// four times as large as needed, turned and moved about its middle, and shrunk by averaging, so that its
// edges are smooth. images: [N,1,S,S], white on black; label: [N], the digit 0 … 9. Lengths are in pixels of
// the image, angles in degrees, `scaling` is a share of the digit's size.

#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"

namespace dagfusion {
namespace {

struct Font {
  const char* name;
  int face;
};
constexpr std::array<Font, 7> kFonts = {{{"simplex", cv::FONT_HERSHEY_SIMPLEX},
                                         {"plain", cv::FONT_HERSHEY_PLAIN},
                                         {"duplex", cv::FONT_HERSHEY_DUPLEX},
                                         {"complex", cv::FONT_HERSHEY_COMPLEX},
                                         {"triplex", cv::FONT_HERSHEY_TRIPLEX},
                                         {"complex_small", cv::FONT_HERSHEY_COMPLEX_SMALL},
                                         {"italic", cv::FONT_HERSHEY_COMPLEX | cv::FONT_ITALIC}}};
constexpr int kOversampling = 4;
constexpr double kDigitHeight =
    0.56;  // of the image: the largest default digit, turned and moved, stays inside

class DrawnDigits final : public DataSet {
 public:
  explicit DrawnDigits(Setup& setup)
      : size_(static_cast<int>(setup.integer("size"))),
        thickness_(setup.parameters().reals("thickness")),
        rotation_(setup.real("rotation")),
        scaling_(setup.real("scaling")),
        shift_(setup.real("shift")),
        seed_(setup.has("seed") ? static_cast<std::uint64_t>(setup.integer("seed")) : setup.run().seed),
        key_(stream_key(seed_, "drawn_digits")),
        images_(setup.output("images", {setup.run().micro_batch, 1, size_, size_})),
        label_(setup.output("label", {setup.run().micro_batch})) {
    if (thickness_.size() != 2 || thickness_[0] < 0.25 || thickness_[1] < thickness_[0] || thickness_[1] > 16)
      setup.fail_at("thickness", "'thickness' is " + to_string(setup.parameters().setting("thickness")) +
                                     "; it takes the thinnest and the thickest line, between 0.25 and 16");
    const std::vector<std::string>& fonts = setup.parameters().texts("fonts");
    for (std::size_t i = 0; i < fonts.size(); ++i) faces_.push_back(face(setup, i, fonts[i]));
    if (faces_.empty()) setup.fail_at("fonts", "'fonts' is [], which leaves nothing to draw with");
    // Only a name of these very pictures, so that a run is not resumed with others.
    fingerprint_ = "drawn_digits seed " + std::to_string(seed_);
    for (const char* name : {"size", "thickness", "rotation", "scaling", "shift", "fonts"})
      fingerprint_ += std::string(" ") + name + " " + to_string(setup.parameters().setting(name));
  }

  std::optional<std::int64_t> size() const override { return std::nullopt; }
  std::string fingerprint() const override { return fingerprint_; }
  std::vector<std::string> class_names() const override {
    return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  }

  void forward(Call& call) const override {
    auto* images = call.out<std::uint8_t>(images_);
    auto* label = call.out<std::int32_t>(label_);
    for (int i = 0; i < images_.spec.shape[0]; ++i) {
      const RandomStream random{key_, static_cast<std::uint64_t>(call.sample(i))};
      label[i] = draw(random, cv::Mat(size_, size_, CV_8UC1, images + std::int64_t{i} * size_ * size_));
    }
  }

 private:
  static int face(Setup& setup, std::size_t item, const std::string& name) {
    std::vector<std::string> known;
    for (const Font& font : kFonts) {
      if (name == font.name) return font.face;
      known.push_back(font.name);
    }
    setup.fail_at("fonts", item, "unknown font '" + name + "'" + suggestion(name, known));
  }

  int draw(const RandomStream& random, cv::Mat out) const {
    const Philox4 what = random.block(0), where = random.block(1);
    const auto between = [](double low, double high, std::uint32_t word) {
      return low + (high - low) * static_cast<double>(uniform01(word));
    };
    const auto pick = [](std::size_t count, std::uint32_t word) {
      return static_cast<int>(below(count, std::uint64_t{word} << 32));
    };
    const int digit = pick(10, what[0]);
    const int font = faces_[static_cast<std::size_t>(pick(faces_.size(), what[1]))];
    const int thickness =
        std::max(1, static_cast<int>(kOversampling * between(thickness_[0], thickness_[1], what[2]) + 0.5));
    const double angle = between(-rotation_, rotation_, what[3]);
    const double scaling = 1.0 + between(-scaling_, scaling_, where[0]);
    const double dx = kOversampling * between(-shift_, shift_, where[1]);
    const double dy = kOversampling * between(-shift_, shift_, where[2]);

    const int side = size_ * kOversampling;
    const std::string text(1, static_cast<char>('0' + digit));
    const double font_scale = kDigitHeight * side / cv::getTextSize(text, font, 1.0, 1, nullptr).height;
    cv::Mat large(side, side, CV_8UC1, cv::Scalar(0));
    cv::putText(large, text, {side / 4, side * 3 / 4}, font, font_scale, 255, thickness, cv::LINE_AA);
    const cv::Rect box = cv::boundingRect(large);
    const cv::Point2f middle(static_cast<float>(box.x) + static_cast<float>(box.width) / 2,
                             static_cast<float>(box.y) + static_cast<float>(box.height) / 2);
    cv::Mat place = cv::getRotationMatrix2D(middle, angle, scaling);
    place.at<double>(0, 2) += side / 2.0 - middle.x + dx;
    place.at<double>(1, 2) += side / 2.0 - middle.y + dy;
    cv::Mat turned;
    cv::warpAffine(large, turned, place, large.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT, 0);
    cv::resize(turned, out, out.size(), 0, 0, cv::INTER_AREA);
    return digit;
  }

  int size_;
  std::vector<double> thickness_;
  double rotation_, scaling_, shift_;
  std::uint64_t seed_;
  std::array<std::uint32_t, 2> key_;
  Output images_, label_;
  std::vector<int> faces_;
  std::string fingerprint_;
};

}  // namespace

NodeType drawn_digits() {
  return {.name = "drawn_digits",
          .summary = "Draws digits with vector fonts: an endless data set that needs no file.",
          .stands_for = {"source"},
          .example = "{type: drawn_digits, size: 32}",
          .role = Role::data_set,
          .outputs = {{"images", "[N,1,S,S] u8", "white digits on black"},
                      {"label", "[N] i32", "the digit, 0 … 9"}},
          .parameters = {{.name = "size",
                          .kind = Kind::integer,
                          .doc = "height and width of an image in pixels",
                          .standard = std::int64_t{32},
                          .minimum = 8,
                          .maximum = 512},
                         {.name = "fonts",
                          .kind = Kind::texts,
                          .doc = "Hershey fonts to choose from: simplex, plain, duplex, complex, triplex, "
                                 "complex_small, italic",
                          .standard = std::vector<std::string>{"simplex", "duplex", "complex", "triplex"}},
                         {.name = "thickness",
                          .kind = Kind::reals,
                          .doc = "thinnest and thickest line in pixels, between 0.25 and 16",
                          .standard = std::vector<double>{1.5, 2.5}},
                         {.name = "rotation",
                          .kind = Kind::real,
                          .doc = "largest angle in degrees, to either side",
                          .standard = 15.0,
                          .minimum = 0,
                          .maximum = 180},
                         {.name = "scaling",
                          .kind = Kind::real,
                          .doc = "largest change of size, as a share of it",
                          .standard = 0.15,
                          .minimum = 0,
                          .maximum = 0.5},
                         {.name = "shift",
                          .kind = Kind::real,
                          .doc = "largest way off the middle in pixels, along each axis",
                          .standard = 2.0,
                          .minimum = 0,
                          .maximum = 64},
                         {.name = "seed",
                          .kind = Kind::integer,
                          .doc = "another seed draws other digits; run.seed when not given",
                          .minimum = 0}},
          .create = make_node<DrawnDigits>};
}

}  // namespace dagfusion
