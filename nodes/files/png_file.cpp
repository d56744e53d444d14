#include "nodes/files/png_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <vector>

namespace dagfusion {

void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels, int height, int width,
               int channels) {
  cv::Mat picture(height, width, CV_8UC(channels), const_cast<std::uint8_t*>(pixels.data()));
  if (channels == 3) {
    cv::Mat blue_first;
    cv::cvtColor(picture, blue_first, cv::COLOR_RGB2BGR);
    picture = blue_first;
  }
  std::vector<std::uint8_t> encoded;
  if (!cv::imencode(".png", picture, encoded))
    throw std::runtime_error(fmt::format("'{}' cannot be encoded: a picture of {}x{} pixels with {} channels",
                                         path.string(), width, height, channels));
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  const std::filesystem::path part = path.string() + ".part";
  errno = 0;
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(encoded.data()), static_cast<std::streamsize>(encoded.size()));
  file.close();
  if (!file) {
    const std::string why = std::strerror(errno);
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    throw std::runtime_error(fmt::format("'{}' cannot be written: {}", path.string(), why));
  }
  std::filesystem::rename(part, path);
}

std::filesystem::path free_path(const std::filesystem::path& path) {
  std::filesystem::path candidate = path;
  for (int number = 2; std::filesystem::exists(candidate); ++number)
    candidate =
        path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), number, path.extension().string());
  return candidate;
}

}  // namespace dagfusion
