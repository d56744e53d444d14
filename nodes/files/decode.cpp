#include "nodes/files/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "nodes/files/image_header.h"

namespace dagfusion {
namespace {

constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 30;

// A JPEG decoder fills what is missing with grey and calls it a success.
void expect_end_of_jpeg(std::span<const std::uint8_t> file, std::size_t body) {
  constexpr std::array<std::uint8_t, 2> end = {0xFF, 0xD9};
  const auto from = file.begin() + static_cast<std::ptrdiff_t>(std::min(body, file.size()));
  if (std::search(from, file.end(), end.begin(), end.end()) == file.end())
    throw std::runtime_error("is cut short: a JPEG file without an end");
}

cv::Mat pixels_of(std::span<const std::uint8_t> file, ImageFormat format) {
  // Only PNG and WebP have transparency to keep. IMREAD_UNCHANGED would also leave EXIF's orientation aside,
  // and take the unused fourth byte of a BMP file for transparency.
  const bool transparent = format == ImageFormat::png || format == ImageFormat::webp;
  const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8UC1, const_cast<std::uint8_t*>(file.data()));
  cv::Mat pixels;
  try {
    pixels = cv::imdecode(bytes, transparent ? cv::IMREAD_UNCHANGED : cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    throw std::runtime_error("cannot be decoded: " + error.err);
  }
  if (pixels.empty()) throw std::runtime_error("cannot be decoded: it is damaged, or cut short");
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257.0);
  if (pixels.depth() != CV_8U) throw std::runtime_error("has neither 8 nor 16 bits per channel");
  return pixels;
}

// Blue, green, red and alpha to red, green, blue over the background.
cv::Mat over_background(const cv::Mat& pixels, const std::array<std::uint8_t, 3>& background) {
  cv::Mat out(pixels.size(), CV_8UC3);
  for (int y = 0; y < pixels.rows; ++y) {
    const auto* from = pixels.ptr<cv::Vec4b>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = 0; x < pixels.cols; ++x)
      for (int c = 0; c < 3; ++c) {
        const int alpha = from[x][3];
        const int behind = background[static_cast<std::size_t>(c)];
        to[x][c] = static_cast<std::uint8_t>((from[x][2 - c] * alpha + behind * (255 - alpha) + 127) / 255);
      }
  }
  return out;
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> file, const Decoding& decoding) {
  const ImageHeader header = read_image_header(file);
  if (header.height < 1 || header.width < 1)
    throw std::runtime_error(fmt::format("says it has {}x{} pixels", header.width, header.height));
  if (header.height > kMostPixels / header.width)
    throw std::runtime_error(fmt::format("has {}x{} pixels; the limit is {} Mpixel", header.width,
                                         header.height, kMostPixels >> 20));
  if (header.format == ImageFormat::jpeg) expect_end_of_jpeg(file, header.body);

  cv::Mat pixels = pixels_of(file, header.format);
  if (pixels.channels() == 4) {
    pixels = over_background(pixels, decoding.background);
  } else if (pixels.channels() == 3) {
    cv::cvtColor(pixels, pixels, cv::COLOR_BGR2RGB);
  }
  if (decoding.channels == 1 && pixels.channels() == 3) cv::cvtColor(pixels, pixels, cv::COLOR_RGB2GRAY);
  if (decoding.channels == 3 && pixels.channels() == 1) cv::cvtColor(pixels, pixels, cv::COLOR_GRAY2RGB);

  Image image{pixels.rows, pixels.cols, decoding.channels};
  image.pixels.resize(pixels.total() * pixels.elemSize());
  pixels.copyTo(cv::Mat(pixels.size(), pixels.type(), image.pixels.data()));
  return image;
}

Image read_image(const std::filesystem::path& path, const std::string& name, const Decoding& decoding) {
  try {
    std::error_code problem;
    const std::uintmax_t size = std::filesystem::file_size(path, problem);
    if (problem) throw std::runtime_error("cannot be read: " + problem.message());
    if (size > kMostBytes)
      throw std::runtime_error(fmt::format("is {} bytes long; the limit is {}", size, kMostBytes));
    std::vector<std::uint8_t> bytes(size);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!file) throw std::runtime_error("cannot be read");
    Image image = decode_image(bytes, decoding);
    image.name = name;
    return image;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("'{}' {}", path.string(), error.what()));
  }
}

}  // namespace dagfusion
