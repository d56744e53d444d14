#include "nodes/files/png_file.h"

#include <fmt/format.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "nodes/files/many_files.h"

namespace dagfusion {

std::vector<std::uint8_t> encoded_png(std::span<const std::uint8_t> pixels, int height, int width,
                                      int channels) {
  cv::Mat picture(height, width, CV_8UC(channels), const_cast<std::uint8_t*>(pixels.data()));
  if (channels == 3) {
    cv::Mat blue_first;
    cv::cvtColor(picture, blue_first, cv::COLOR_RGB2BGR);
    picture = blue_first;
  }
  std::vector<std::uint8_t> encoded;
  if (!cv::imencode(".png", picture, encoded))
    throw std::runtime_error(fmt::format(
        "a picture of {}x{} pixels with {} channels cannot be encoded as PNG", width, height, channels));
  return encoded;
}

void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels, int height, int width,
               int channels) {
  ManyFiles one;
  one.add(path, encoded_png(pixels, height, width, channels));
  one.publish();
}

std::filesystem::path free_path(const std::filesystem::path& path) {
  std::filesystem::path candidate = path;
  for (int number = 2; std::filesystem::exists(candidate); ++number)
    candidate =
        path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), number, path.extension().string());
  return candidate;
}

}  // namespace dagfusion
