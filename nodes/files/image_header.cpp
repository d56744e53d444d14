// PNG: W3C, Portable Network Graphics, section 11.2.2. JPEG: ITU-T T.81, annex B. WebP: RFC 9649. BMP: the
// headers of OS/2 1.x (12 bytes) and of Windows (40 bytes and more). GIF89a, section 18. TIFF 6.0, section 2. HEIF: ISO/IEC
// 23008-12. JPEG XL: ISO/IEC 18181-2.

#include "nodes/files/image_header.h"

#include <cstring>
#include <stdexcept>
#include <string_view>

namespace dagfusion {
namespace {

class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> file) : file_(file) {}
  std::size_t size() const { return file_.size(); }
  bool has(std::size_t at, std::string_view text) const {
    return file_.size() >= at + text.size() && std::memcmp(file_.data() + at, text.data(), text.size()) == 0;
  }
  std::uint32_t byte(std::size_t at) const {
    if (at >= file_.size()) throw std::runtime_error("is cut short in its header");
    return file_[at];
  }
  std::uint32_t big(std::size_t at, int bytes) const {
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | byte(at + static_cast<std::size_t>(i));
    return value;
  }
  std::uint32_t little(std::size_t at, int bytes) const {
    std::uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | byte(at + static_cast<std::size_t>(i));
    return value;
  }

 private:
  std::span<const std::uint8_t> file_;
};

ImageHeader jpeg(const Bytes& file) {
  ImageHeader header{ImageFormat::jpeg};
  for (std::size_t at = 2;;) {
    if (file.byte(at) != 0xFF) throw std::runtime_error("has no marker where a JPEG file must have one");
    while (file.byte(at) == 0xFF) ++at;  // any number of them may stand before a marker
    const std::uint32_t marker = file.byte(at);
    const std::size_t length = file.big(at + 1, 2);
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && header.height == 0) {
      header.height = file.big(at + 4, 2);
      header.width = file.big(at + 6, 2);
    }
    at += 1 + length;
    if (marker == 0xDA) {  // start of scan
      header.body = at;
      return header;
    }
  }
}

ImageHeader webp(const Bytes& file) {
  ImageHeader header{ImageFormat::webp};
  if (file.has(12, "VP8X")) {
    header.width = file.little(24, 3) + 1;
    header.height = file.little(27, 3) + 1;
  } else if (file.has(12, "VP8L")) {
    const std::uint32_t sides = file.little(21, 4);
    header.width = (sides & 0x3FFF) + 1;
    header.height = (sides >> 14 & 0x3FFF) + 1;
  } else if (file.has(12, "VP8 ")) {
    header.width = file.little(26, 2) & 0x3FFF;
    header.height = file.little(28, 2) & 0x3FFF;
  } else {
    throw std::runtime_error("is a WebP file that starts with no picture");
  }
  return header;
}

ImageHeader bmp(const Bytes& file) {
  ImageHeader header{ImageFormat::bmp};
  if (file.little(14, 4) == 12) {
    header.width = file.little(18, 2);
    header.height = file.little(20, 2);
  } else {
    const auto side = [&](std::size_t at) {
      return std::int64_t{static_cast<std::int32_t>(file.little(at, 4))};
    };
    header.width = side(18);
    header.height = side(22) < 0 ? -side(22) : side(22);  // negative: rows run from top to bottom
  }
  return header;
}

bool is_tiff(const Bytes& file) {
  return file.has(0, std::string_view("II*\0", 4)) || file.has(0, std::string_view("MM\0*", 4)) ||
         file.has(0, std::string_view("II+\0", 4)) || file.has(0, std::string_view("MM\0+", 4));
}

// ISO base media files whose first brand is one of pictures; films have others.
bool is_avif(const Bytes& file) { return file.has(4, "ftypavif") || file.has(4, "ftypavis"); }

bool is_heif(const Bytes& file) {
  if (!file.has(4, "ftyp")) return false;
  for (const char* brand : {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "miaf"})
    if (file.has(8, brand)) return true;
  return false;
}

}  // namespace

ImageHeader read_image_header(std::span<const std::uint8_t> bytes) {
  const Bytes file(bytes);
  if (file.has(0, "\x89PNG\r\n\x1A\n")) {
    if (file.size() > 16 && !file.has(12, "IHDR")) throw std::runtime_error("is a PNG file without a header");
    return {ImageFormat::png, file.big(20, 4), file.big(16, 4)};
  }
  if (file.has(0, "\xFF\xD8\xFF")) return jpeg(file);
  if (file.has(0, "RIFF") && file.has(8, "WEBP")) return webp(file);
  if (file.has(0, "BM")) return bmp(file);
  if (file.has(0, "GIF87a") || file.has(0, "GIF89a"))
    return {ImageFormat::gif, file.little(8, 2), file.little(6, 2)};
  if (is_tiff(file)) return {.format = ImageFormat::tiff, .has_size = false};
  if (is_avif(file)) return {.format = ImageFormat::avif, .has_size = false};
  if (is_heif(file)) return {.format = ImageFormat::heif, .has_size = false};
  if (file.has(0, "\xFF\x0A") || file.has(0, std::string_view("\0\0\0\x0CJXL \r\n\x87\n", 12)))
    return {.format = ImageFormat::jxl, .has_size = false};
  throw std::runtime_error(
      bytes.empty() ? "is empty"
                    : "is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL");
}

}  // namespace dagfusion
