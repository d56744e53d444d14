// Pictures that tests draw for themselves.
#pragma once

#include <cstdint>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

namespace dagfusion::tests {

using Bytes = std::vector<std::uint8_t>;

inline Bytes encoded(const char* ending, const cv::Mat& picture, const std::vector<int>& settings = {}) {
  Bytes bytes;
  cv::imencode(ending, picture, bytes, settings);
  return bytes;
}

inline void save(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Every pixel is another: red tells the column, green the row.
inline cv::Mat gradient(int height, int width) {
  cv::Mat picture(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      picture.at<cv::Vec3b>(y, x) = cv::Vec3b(7, static_cast<std::uint8_t>(y), static_cast<std::uint8_t>(x));
  return picture;
}

}  // namespace dagfusion::tests
