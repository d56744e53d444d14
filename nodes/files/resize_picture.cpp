#include "nodes/files/resize_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "nodes/files/decode.h"
#include "nodes/files/resample.h"

namespace dagfusion {
namespace {

void refuse_too_many(const Image& from, double height, double width) {
  if (height * width > static_cast<double>(kMostPixels))
    throw std::runtime_error(fmt::format("'{}' has {}x{} pixels and would get {}x{}; the limit is {} Mpixel",
                                         from.name, from.width, from.height, width, height,
                                         kMostPixels >> 20));
}

// The mean of what a new pixel covers; enlarged bicubically.
Image by_area(const Image& from, int height, int width) {
  Image to{height, width, from.channels};
  to.name = from.name;
  to.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
                   static_cast<std::size_t>(to.channels));
  const int type = CV_8UC(from.channels);
  const cv::Mat source(from.height, from.width, type, const_cast<std::uint8_t*>(from.pixels.data()));
  cv::Mat target(height, width, type, to.pixels.data());
  const bool smaller = height < from.height || width < from.width;
  cv::resize(source, target, target.size(), 0, 0, smaller ? cv::INTER_AREA : cv::INTER_CUBIC);
  return to;
}

Filter filter_of(const std::string& name) {
  return name == "box"        ? Filter::box
         : name == "bilinear" ? Filter::bilinear
         : name == "lanczos"  ? Filter::lanczos
                              : Filter::bicubic;
}

// Halved by means while it is at least twice as large.
Image halved(Image image, int size) {
  while (std::min(image.height, image.width) >= 2 * size)
    image = resample(image, image.height / 2, image.width / 2, Filter::box);
  return image;
}

int rounded_as_python(double side) { return static_cast<int>(std::nearbyint(side)); }  // halves to even

}  // namespace

Image with_shorter_side(const Image& from, int size, const std::string& filter) {
  const int shorter = std::min(from.height, from.width);
  if (shorter == size) return from;
  const double scale = static_cast<double>(size) / shorter;
  const double height = std::round(from.height * scale), width = std::round(from.width * scale);
  refuse_too_many(from, height, width);
  if (filter == "area") return by_area(from, static_cast<int>(height), static_cast<int>(width));
  const Image start = filter == "improved_diffusion" ? halved(from, size) : from;
  const double rest = static_cast<double>(size) / std::min(start.height, start.width);
  return resample(start, rounded_as_python(start.height * rest), rounded_as_python(start.width * rest),
                  filter_of(filter));
}

Image with_sides(const Image& from, int height, int width, const std::string& filter) {
  if (from.height == height && from.width == width) return from;
  refuse_too_many(from, height, width);
  if (filter == "area") return by_area(from, height, width);
  const Image start = filter == "improved_diffusion" ? halved(from, std::max(height, width)) : from;
  return resample(start, height, width, filter_of(filter));
}

Image fitted(const Image& from, int height, int width, const std::string& filter) {
  Image large;
  if (height == width) {
    large = with_shorter_side(from, height, filter);
  } else {
    const double scale =
        std::max(static_cast<double>(height) / from.height, static_cast<double>(width) / from.width);
    large = with_sides(from, std::max(height, rounded_as_python(from.height * scale)),
                       std::max(width, rounded_as_python(from.width * scale)), filter);
  }
  return cut_out(large, (large.height - height) / 2, (large.width - width) / 2, height, width);
}

Image cut_out(const Image& from, int top, int left, int height, int width) {
  if (height == from.height && width == from.width) return from;
  Image part{height, width, from.channels};
  part.name = from.name;
  const auto row = static_cast<std::size_t>(width) * static_cast<std::size_t>(from.channels);
  part.pixels.reserve(row * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const auto begin = from.pixels.begin() + (std::ptrdiff_t{top + y} * from.width + left) * from.channels;
    part.pixels.insert(part.pixels.end(), begin, begin + static_cast<std::ptrdiff_t>(row));
  }
  return part;
}

}  // namespace dagfusion
