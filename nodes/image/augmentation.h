// Augmentations of byte images: what they share.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

#include "graph/types/catalog.h"
#include "nodes/image/draws.h"

namespace dagfusion {

// What stands where an image has no pixels: 0 … 255, or the image mirrored at its edge.
struct Border {
  int type = cv::BORDER_CONSTANT;
  cv::Scalar fill = 0;
};
Border border_of(const Setup&);
std::vector<Parameter> border_parameters();

// Two numbers, the smaller one first, from `least` on.
std::pair<double, double> range_of(Setup&, const std::string& parameter, double least);

// One plane of an image as OpenCV sees it.
inline cv::Mat plane(const std::uint8_t* image, std::int64_t channel, int height, int width) {
  return {height, width, CV_8UC1, const_cast<std::uint8_t*>(image) + channel * height * width};
}

}  // namespace dagfusion
