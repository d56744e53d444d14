#include "nodes/sources/image_array.h"

namespace dagfusion {

std::vector<Parameter> image_array_parameters(const ImageArrayWords& words) {
  return {{.name = "key", .kind = Kind::text, .doc = words.array, .standard = ""},
          {.name = "label_key", .kind = Kind::text, .doc = words.labels, .standard = ""},
          {.name = "order",
           .kind = Kind::choice,
           .doc = "of the array's sides; auto = by which of them is 1 or 3",
           .standard = "auto",
           .choices = {"auto", "NHWC", "NCHW", "NHW"}},
          {.name = "range",
           .kind = Kind::reals,
           .doc = "the numbers that are black and white; none = " + words.no_range,
           .standard = std::vector<double>{}},
          {.name = "values",
           .kind = Kind::choice,
           .doc = "bytes, rounded where the file has other numbers, or signed: f32 in [-1,1]",
           .standard = "bytes",
           .choices = {"bytes", "signed"}}};
}

std::vector<double> image_range(Setup& setup) {
  const std::vector<double>& range = setup.parameters().reals("range");
  if (!range.empty() && (range.size() != 2 || range[0] >= range[1]))
    setup.fail_at("range", "'range' must be two numbers, black and then white, such as [0, 1]");
  return range;
}

}  // namespace dagfusion
