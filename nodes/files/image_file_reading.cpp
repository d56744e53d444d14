// The images of a file whose order, range and storage are known: from stored bytes to pixels.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core/hal/hal.hpp>
#include <stdexcept>

#include "graph/values/alignment.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/decode.h"
#include "nodes/files/image_file.h"

namespace dagfusion {

// The bytes of one image as they are stored, in the room.
std::span<std::uint8_t> ImageFile::read_row(std::int64_t image, std::span<std::uint8_t> room) const {
  const auto part =
      static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), image) - begins_.begin() - 1);
  const std::span<std::uint8_t> row = room.first(row_bytes_);
  parts_[part].read(image - begins_[part], row, room.subspan(aligned(row_bytes_)));
  if (checksums_.empty()) return row;
  const std::uint32_t sum = crc32c(std::as_bytes(row)), written = checksums_[static_cast<std::size_t>(image)];
  if (sum != written)
    fail(fmt::format("has a damaged image {}: its CRC32C is {:08x}, not {:08x} as written", image, sum,
                     written));
  return row;
}

// The usual case, which takes a tenth of the time: pixels one behind the other to pixels or planes. False: another one.
bool ImageFile::copy_bytes(std::span<const std::uint8_t> row, std::uint8_t* to, const Strides& target) const {
  const std::int64_t pixels = height_ * width_;
  const Strides as_pixels{1, width_ * channels_, channels_}, as_planes{pixels, width_, 1};
  const auto is_dense_grey = [&](const Strides& strides) {
    return channels_ == 1 && strides.row == width_ && strides.column == 1;
  };
  if (strides_ == target || (is_dense_grey(strides_) && is_dense_grey(target))) {
    std::copy(row.begin(), row.end(), to);
    return true;
  }
  constexpr std::int64_t kMostChannels = 4;
  if (strides_ != as_pixels || target != as_planes || channels_ < 2 || channels_ > kMostChannels)
    return false;
  std::array<std::uint8_t*, kMostChannels> planes{};
  for (std::int64_t c = 0; c < channels_; ++c) planes[static_cast<std::size_t>(c)] = to + c * pixels;
  cv::hal::split8u(row.data(), planes.data(), static_cast<int>(pixels), static_cast<int>(channels_));
  return true;
}

// One image to where the strides say; `convert` takes a number in the file's range.
template <class T, class Convert>
void ImageFile::gather(std::int64_t image, T* to, const Strides& target, std::span<std::uint8_t> room,
                       const Convert& convert) const {
  const std::span<std::uint8_t> row = read_row(image, room);
  const auto copy = [&](const auto* from, const Strides& source, const auto& turn) {
    for (std::int64_t c = 0; c < channels_; ++c)
      for (std::int64_t y = 0; y < height_; ++y)
        for (std::int64_t x = 0; x < width_; ++x)
          to[c * target.channel + y * target.row + x * target.column] =
              turn(from[c * source.channel + y * source.row + x * source.column]);
  };
  if (stored_ == Stored::encoded) {
    Image decoded;
    try {
      decoded = decode_image(file_->long_value(row, 1), {});
    } catch (const std::runtime_error& error) {
      fail(fmt::format("has an image {} that {}", image, error.what()));
    }
    if (decoded.height != height_ || decoded.width != width_)
      fail(fmt::format("has an image {} of {}x{} pixels, image 0 has {}x{}; a data set has one size", image,
                       decoded.width, decoded.height, width_, height_));
    return copy(decoded.pixels.data(), {1, width_ * channels_, channels_}, convert);
  }
  const NumberFormat& number = parts_[0].type().number;
  if (number.is_byte() && is_all_bytes_) {
    if constexpr (std::is_same_v<T, std::uint8_t>)
      if (copy_bytes(row, to, target)) return;
    return copy(row.data(), strides_, convert);
  }
  const std::size_t begin = room_bytes_ - aligned(image_bytes() * sizeof(float));
  const std::span<float> values(reinterpret_cast<float*>(room.data() + begin), image_bytes());
  read_numbers(number, std::as_bytes(row), values);
  if (const std::optional<float> outside = first_outside(range_, values))
    fail(fmt::format("has {:g} in image {} of '{}', outside of its range {}; say another one with 'range'",
                     *outside, image, parts_[0].name(), range_.name()));
  copy(values.data(), strides_, convert);
}

void ImageFile::read(std::int64_t image, std::span<std::uint8_t> pixels, std::span<std::uint8_t> room) const {
  const Strides target{1, width_ * channels_, channels_};
  gather(image, pixels.data(), target, room, [&](auto value) {
    if constexpr (std::is_same_v<decltype(value), std::uint8_t>) return value;
    return static_cast<std::uint8_t>(std::clamp(std::lround(range_.to_byte(value)), 0L, 255L));
  });
}

void ImageFile::read_planes(std::int64_t image, std::uint8_t* planes, std::span<std::uint8_t> room) const {
  const Strides target{height_ * width_, width_, 1};
  gather(image, planes, target, room, [&](auto value) {
    if constexpr (std::is_same_v<decltype(value), std::uint8_t>) return value;
    return static_cast<std::uint8_t>(std::clamp(std::lround(range_.to_byte(value)), 0L, 255L));
  });
}

void ImageFile::read_signed(std::int64_t image, float* planes, std::span<std::uint8_t> room) const {
  const Strides target{height_ * width_, width_, 1};
  gather(image, planes, target, room,
         [&](auto value) { return range_.to_signed(static_cast<double>(value)); });
}

}  // namespace dagfusion
