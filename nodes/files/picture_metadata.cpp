// What stands beside the pixels of a picture: EXIF's orientation, ICC's colour profile.
#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

using Transform = std::shared_ptr<void>;  // of lcms; null: none is needed, or none can be made

constexpr cmsUInt32Number kFlags = cmsFLAGS_COPY_ALPHA | cmsFLAGS_NOCACHE;

cmsUInt32Number input_format(int channels) {
  return channels == 1   ? TYPE_GRAY_8
         : channels == 2 ? COLORSPACE_SH(PT_GRAY) | EXTRA_SH(1) | CHANNELS_SH(1) | BYTES_SH(1)
         : channels == 3 ? TYPE_RGB_8
                         : TYPE_RGBA_8;
}

// Whether it leaves colours as they are, but for rounding: a profile that is sRGB by another name.
bool changes_nothing(void* transform, int channels) {
  constexpr int kSteps = 6, kRounding = 2;
  for (int r = 0; r < kSteps; ++r)
    for (int g = 0; g < kSteps; ++g)
      for (int b = 0; b < kSteps; ++b) {
        std::array<std::uint8_t, 4> in = {static_cast<std::uint8_t>(r * 51),
                                          static_cast<std::uint8_t>(g * 51),
                                          static_cast<std::uint8_t>(b * 51), 255},
                                    out = {};
        if (channels <= 2) in = {in[0], 255, 0, 0};
        cmsDoTransform(transform, in.data(), out.data(), 1);
        for (std::size_t c = 0; c < 3; ++c)
          if (std::abs(int{out[c]} - int{in[channels <= 2 ? 0 : c]}) > kRounding) return false;
      }
  return true;
}

Transform make_transform(const std::vector<std::uint8_t>& profile, int channels) {
  const auto close = [](void* p) {
    if (p) cmsCloseProfile(p);
  };
  const std::unique_ptr<void, decltype(close)> from(
      cmsOpenProfileFromMem(profile.data(), static_cast<cmsUInt32Number>(profile.size())), close),
      to(cmsCreate_sRGBProfile(), close);
  const cmsColorSpaceSignature wanted = channels <= 2 ? cmsSigGrayData : cmsSigRgbData;
  if (!from || !to || cmsGetColorSpace(from.get()) != wanted) return nullptr;
  const bool alpha = channels == 2 || channels == 4;
  void* const made = cmsCreateTransform(from.get(), input_format(channels), to.get(),
                                        alpha ? TYPE_RGBA_8 : TYPE_RGB_8, INTENT_PERCEPTUAL, kFlags);
  if (!made) return nullptr;
  Transform transform(made, cmsDeleteTransform);
  return changes_nothing(made, channels) ? nullptr : transform;
}

// Pictures of one folder have one profile as a rule.
const Transform& transform_for(const std::vector<std::uint8_t>& profile, int channels) {
  struct Kept {
    std::vector<std::uint8_t> profile;
    int channels = 0;
    Transform transform;
  };
  thread_local Kept kept;
  if (kept.channels != channels || kept.profile != profile)
    kept = {profile, channels, make_transform(profile, channels)};
  return kept.transform;
}

}  // namespace

bool convert_to_srgb(Decoded& decoded) {
  if (decoded.profile.empty()) return false;
  const Transform& transform = transform_for(decoded.profile, decoded.channels);
  if (!transform) return false;
  const int channels = decoded.channels == 2 || decoded.channels == 4 ? 4 : 3;
  const std::size_t pixels =
      static_cast<std::size_t>(decoded.height) * static_cast<std::size_t>(decoded.width);
  std::vector<std::uint8_t> converted(pixels * static_cast<std::size_t>(channels), 255);
  cmsDoTransform(transform.get(), decoded.pixels.data(), converted.data(),
                 static_cast<cmsUInt32Number>(pixels));
  decoded.pixels = std::move(converted);
  decoded.channels = channels;
  return true;
}

// TIFF 6.0, section 2; CIPA DC-008, tag 0x0112.
int exif_orientation(std::span<const std::uint8_t> tiff) {
  if (tiff.size() < 8 || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
  const bool little = tiff[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) -> std::size_t {
    if (at > tiff.size() || bytes > tiff.size() - at) return 0;
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | tiff[at + (little ? bytes - 1 - i : i)];
    return value;
  };
  constexpr std::size_t kEntry = 12, kOrientation = 0x0112;
  const std::size_t directory = number(4, 4), entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * kEntry;
    if (at >= tiff.size()) return 1;
    if (number(at, 2) != kOrientation) continue;
    const std::size_t value =
        number(at + 8, number(at + 2, 2) == 4 ? 4 : 2);  // a short, or by mistake a long
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void turn_upright(Decoded& decoded) {
  if (decoded.orientation == 1) return;
  cv::Mat pixels(decoded.height, decoded.width, CV_8UC(decoded.channels), decoded.pixels.data()),
      turned = pixels.clone();
  const int how = decoded.orientation;
  if (how >= 5) cv::transpose(turned, turned);
  if (how == 2 || how == 6) cv::flip(turned, turned, 1);
  if (how == 3 || how == 7) cv::flip(turned, turned, -1);
  if (how == 4 || how == 8) cv::flip(turned, turned, 0);
  decoded.height = turned.rows;
  decoded.width = turned.cols;
  turned.copyTo(cv::Mat(turned.rows, turned.cols, turned.type(), decoded.pixels.data()));
  decoded.orientation = 1;
}

}  // namespace dagfusion
