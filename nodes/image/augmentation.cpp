#include "nodes/image/augmentation.h"

#include <fmt/format.h>

namespace dagfusion {

Border border_of(const Setup& setup) {
  if (setup.text("border") == "reflect") return {.type = cv::BORDER_REFLECT_101};
  return {.fill = cv::Scalar::all(static_cast<double>(setup.integer("fill")))};
}

std::vector<Parameter> border_parameters() {
  return {{.name = "border",
           .kind = Kind::choice,
           .doc = "what comes in beside the image: `fill`, or the image mirrored at its edge",
           .standard = std::string("fill"),
           .choices = {"fill", "reflect"}},
          {.name = "fill",
           .kind = Kind::integer,
           .doc = "grey level beside the image, 0 … 255",
           .standard = std::int64_t{0},
           .minimum = 0,
           .maximum = 255}};
}

std::pair<double, double> range_of(Setup& setup, const std::string& parameter, double least) {
  const std::vector<double>& range = setup.parameters().reals(parameter);
  if (range.size() != 2 || range[0] < least || range[1] < range[0])
    setup.fail_at(parameter, fmt::format("'{}' is {}; it takes the smallest and the largest, from {} on",
                                         parameter, to_string(setup.parameters().setting(parameter)), least));
  return {range[0], range[1]};
}

}  // namespace dagfusion
