// WebP, by libwebp: RFC 9649. Of an animation the first frame, on its canvas.
#include <webp/decode.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint32_t little(Bytes bytes, std::size_t at, std::size_t count) {
  if (at + count > bytes.size()) throw std::runtime_error(kDamaged);
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

// What stands in the chunk of that name, from `at` on; nothing when there is none.
Bytes chunk(Bytes file, std::size_t at, std::string_view name) {
  constexpr std::size_t kHead = 8;
  while (at + kHead <= file.size()) {
    const std::size_t length = little(file, at + 4, 4);
    if (length > file.size() - at - kHead) return {};
    if (std::memcmp(file.data() + at, name.data(), 4) == 0) return file.subspan(at + kHead, length);
    at += kHead + length + length % 2;
  }
  return {};
}

void append(std::vector<std::uint8_t>& to, std::string_view name, Bytes body) {
  to.insert(to.end(), name.begin(), name.end());
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(body.size() >> (8 * i)));
  to.insert(to.end(), body.begin(), body.end());
  if (body.size() % 2 != 0) to.push_back(0);
}

// A frame of an animation as a file of its own.
std::vector<std::uint8_t> alone(Bytes frame) {
  constexpr std::size_t kFrameHead = 16;
  std::vector<std::uint8_t> body;
  if (const Bytes alpha = chunk(frame, kFrameHead, "ALPH"); !alpha.empty()) {
    std::vector<std::uint8_t> head(10);
    head[0] = 0x10;                                       // it has alpha
    std::copy_n(frame.begin() + 6, 6, head.begin() + 4);  // width and height, less one
    append(body, "VP8X", head);
    append(body, "ALPH", alpha);
  }
  for (const char* name : {"VP8 ", "VP8L"})
    if (const Bytes picture = chunk(frame, kFrameHead, name); !picture.empty()) append(body, name, picture);
  std::vector<std::uint8_t> file;
  body.insert(body.begin(), {'W', 'E', 'B', 'P'});
  append(file, "RIFF", body);
  return file;
}

Decoded decode_picture(Bytes file) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    throw std::runtime_error(kDamaged);
  Decoded decoded{
      .height = features.height, .width = features.width, .channels = features.has_alpha != 0 ? 4 : 3};
  const int row = decoded.width * decoded.channels;
  decoded.pixels.resize(static_cast<std::size_t>(row) * static_cast<std::size_t>(decoded.height));
  const auto decode = features.has_alpha != 0 ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (!decode(file.data(), file.size(), decoded.pixels.data(), decoded.pixels.size(), row))
    throw std::runtime_error(kDamaged);
  return decoded;
}

Decoded decode_first_frame(Bytes file) {
  constexpr std::size_t kChunks = 12;
  const Bytes head = chunk(file, kChunks, "VP8X"), frame = chunk(file, kChunks, "ANMF");
  if (frame.empty()) throw std::runtime_error(kDamaged);
  const Decoded first = decode_picture(alone(frame));
  Decoded canvas{.height = static_cast<int>(little(head, 7, 3)) + 1,
                 .width = static_cast<int>(little(head, 4, 3)) + 1,
                 .channels = 4,
                 .more = More::frames};
  const int left = static_cast<int>(little(frame, 0, 3)) * 2, top = static_cast<int>(little(frame, 3, 3)) * 2;
  if (left + first.width > canvas.width || top + first.height > canvas.height)
    throw std::runtime_error(kDamaged);
  canvas.pixels.resize(static_cast<std::size_t>(canvas.height) * static_cast<std::size_t>(canvas.width) * 4);
  for (int y = 0; y < first.height; ++y)
    for (int x = 0; x < first.width; ++x) {
      const std::uint8_t* from =
          first.pixels.data() + (static_cast<std::size_t>(y) * first.width + x) * first.channels;
      std::uint8_t* to =
          canvas.pixels.data() + (static_cast<std::size_t>(y + top) * canvas.width + x + left) * 4;
      std::copy_n(from, 3, to);
      to[3] = first.channels == 4 ? from[3] : 255;
    }
  return canvas;
}

}  // namespace

Decoded decode_webp(std::span<const std::uint8_t> file) {
  constexpr std::size_t kChunks = 12;
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    throw std::runtime_error(kDamaged);
  Decoded decoded = features.has_animation != 0 ? decode_first_frame(file) : decode_picture(file);
  Bytes exif = chunk(file, kChunks, "EXIF");
  constexpr std::string_view kHead("Exif\0\0", 6);  // some programs leave it in front
  if (exif.size() >= kHead.size() && std::memcmp(exif.data(), kHead.data(), kHead.size()) == 0)
    exif = exif.subspan(kHead.size());
  decoded.orientation = exif_orientation(exif);
  const Bytes profile = chunk(file, kChunks, "ICCP");
  decoded.profile.assign(profile.begin(), profile.end());
  return decoded;
}

}  // namespace dagfusion
