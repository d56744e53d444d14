// BMP: the headers of OS/2 1.x (12 bytes) and of Windows (40 bytes and more); palettes, runs, 16 to 32 bits with masks.
// Microsoft, "Bitmap Storage", https://learn.microsoft.com/windows/win32/gdi/bitmap-storage
#include <array>
#include <bit>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

enum Compression : std::uint32_t { kNone = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3, kMasksWithAlpha = 6 };

class File {
 public:
  explicit File(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint32_t number(std::size_t at, std::size_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) throw std::runtime_error(kDamaged);
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes_[at + i];
    return value;
  }
  std::uint32_t byte(std::size_t at) const { return number(at, 1); }

 private:
  std::span<const std::uint8_t> bytes_;
};

// One channel of a pixel, of as many bits as its mask has.
struct Mask {
  std::uint32_t bits = 0;
  std::uint8_t of(std::uint32_t pixel) const {
    if (bits == 0) return 0;
    const int shift = std::countr_zero(bits);
    const std::uint64_t most = bits >> shift, value = (pixel & bits) >> shift;
    return static_cast<std::uint8_t>((value * 255 + most / 2) / most);
  }
};

struct Header {
  int width = 0, height = 0;
  bool from_top = false;
  std::uint32_t bits = 0, compression = kNone, body = 0;
  std::size_t palette = 0, colours = 0, colour_bytes = 4;
  std::array<Mask, 4> masks;  // red, green, blue, alpha
};

Header read_header(const File& file) {
  Header header;
  header.body = file.number(10, 4);
  const std::uint32_t bytes = file.number(14, 4);
  header.palette = 14 + bytes;
  if (bytes == 12) {
    header.width = static_cast<int>(file.number(18, 2));
    header.height = static_cast<int>(file.number(20, 2));
    header.bits = file.number(24, 2);
    header.colour_bytes = 3;
  } else {
    header.width = static_cast<int>(file.number(18, 4));
    const auto height = static_cast<std::int32_t>(file.number(22, 4));
    header.from_top = height < 0;
    header.height = std::abs(height);
    header.bits = file.number(28, 2);
    header.compression = file.number(30, 4);
    header.colours = file.number(46, 4);
  }
  header.masks = header.bits == 16 ? std::array<Mask, 4>{Mask{0x7C00}, Mask{0x3E0}, Mask{0x1F}, Mask{}}
                                   : std::array<Mask, 4>{Mask{0xFF0000}, Mask{0xFF00}, Mask{0xFF}, Mask{}};
  if (header.compression == kMasks || header.compression == kMasksWithAlpha) {
    for (std::size_t i = 0; i < 3; ++i) header.masks[i].bits = file.number(54 + 4 * i, 4);
    if (bytes >= 56 || header.compression == kMasksWithAlpha) header.masks[3].bits = file.number(66, 4);
    if (bytes == 40) header.palette += header.compression == kMasks ? 12 : 16;
  }
  return header;
}

struct Palette {
  std::vector<std::array<std::uint8_t, 3>> colours;
  void put(std::uint32_t index, std::uint8_t* to) const {
    if (index >= colours.size()) throw std::runtime_error(kDamaged);
    for (std::size_t c = 0; c < 3; ++c) to[c] = colours[index][c];
  }
};

Palette read_palette(const File& file, const Header& header) {
  Palette palette;
  const std::size_t most = std::size_t{1} << header.bits;
  const std::size_t count = header.colours == 0 || header.colours > most ? most : header.colours;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = header.palette + i * header.colour_bytes;
    if (at + 3 > header.body) break;  // fewer colours than the header says
    palette.colours.push_back({static_cast<std::uint8_t>(file.byte(at + 2)),
                               static_cast<std::uint8_t>(file.byte(at + 1)),
                               static_cast<std::uint8_t>(file.byte(at))});
  }
  return palette;
}

class Reading {
 public:
  explicit Reading(std::span<const std::uint8_t> bytes) : file_(bytes), header_(read_header(file_)) {}

  Decoded made() {
    const std::uint32_t bits = header_.bits;
    const bool palette = bits == 1 || bits == 2 || bits == 4 || bits == 8,
               direct = bits == 16 || bits == 24 || bits == 32;
    const bool runs = header_.compression == kRuns8 || header_.compression == kRuns4;
    const bool masks = header_.compression == kMasks || header_.compression == kMasksWithAlpha;
    if ((!palette && !direct) || (header_.compression != kNone && !runs && !masks) || (runs && !palette) ||
        (masks && (palette || bits == 24)))
      throw std::runtime_error("is a BMP file with " + std::to_string(bits) +
                               " bits a pixel and compression " + std::to_string(header_.compression) +
                               ", which is not read");
    decoded_ = {
        .height = header_.height, .width = header_.width, .channels = header_.masks[3].bits != 0 ? 4 : 3};
    decoded_.pixels.resize(static_cast<std::size_t>(decoded_.height) *
                           static_cast<std::size_t>(decoded_.width) *
                           static_cast<std::size_t>(decoded_.channels));
    if (palette) palette_ = read_palette(file_, header_);
    if (runs)
      read_runs();
    else
      read_rows();
    return std::move(decoded_);
  }

 private:
  std::uint8_t* pixel(int x, int row) {  // rows as the file counts them
    const int y = header_.from_top ? row : header_.height - 1 - row;
    return decoded_.pixels.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(decoded_.width) +
                                     static_cast<std::size_t>(x)) *
                                        static_cast<std::size_t>(decoded_.channels);
  }

  void read_rows() {
    const std::size_t bits = header_.bits,
                      row_bytes = (static_cast<std::size_t>(header_.width) * bits + 31) / 32 * 4;
    for (int row = 0; row < header_.height; ++row)
      for (int x = 0; x < header_.width; ++x) {
        const std::size_t bit = static_cast<std::size_t>(x) * bits,
                          at = header_.body + static_cast<std::size_t>(row) * row_bytes + bit / 8;
        std::uint8_t* const to = pixel(x, row);
        if (bits <= 8) {
          palette_.put(file_.byte(at) >> (8 - bits - bit % 8) & ((1U << bits) - 1), to);
          continue;
        }
        const std::uint32_t value = file_.number(at, bits / 8);
        for (int c = 0; c < decoded_.channels; ++c)
          to[c] = header_.masks[static_cast<std::size_t>(c)].of(value);
      }
  }

  // A count and a colour, or 0 and what else there is: 0 = end of row, 1 = end, 2 = a step, n = n colours as they are.
  void read_runs() {
    const bool halves = header_.compression == kRuns4;
    if (!palette_.colours.empty())  // what is stepped over has the first colour
      for (int row = 0; row < header_.height; ++row)
        for (int x = 0; x < header_.width; ++x) palette_.put(0, pixel(x, row));
    int x = 0, row = 0;
    const auto put = [&](std::uint32_t colour) {
      if (x >= header_.width || row >= header_.height) throw std::runtime_error(kDamaged);
      palette_.put(colour, pixel(x++, row));
    };
    for (std::size_t at = header_.body;;) {
      const std::uint32_t count = file_.byte(at), what = file_.byte(at + 1);
      at += 2;
      if (count > 0) {
        for (std::uint32_t i = 0; i < count; ++i) put(!halves ? what : i % 2 == 0 ? what >> 4 : what & 15);
      } else if (what == 0) {
        x = 0;
        ++row;
      } else if (what == 1) {
        return;
      } else if (what == 2) {
        x += static_cast<int>(file_.byte(at));
        row += static_cast<int>(file_.byte(at + 1));
        at += 2;
      } else {
        for (std::uint32_t i = 0; i < what; ++i) {
          const std::uint32_t byte = file_.byte(at + (halves ? i / 2 : i));
          put(!halves ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
        }
        const std::size_t bytes = halves ? (what + 1) / 2 : what;
        at += bytes + bytes % 2;
      }
    }
  }

  File file_;
  Header header_;
  Palette palette_;
  Decoded decoded_;
};

}  // namespace

Decoded decode_bmp(std::span<const std::uint8_t> file) { return Reading(file).made(); }

}  // namespace dagfusion
