// JPEG, by libjpeg-turbo: ITU-T T.81. What the library would fill up and warn of is an error here.
#include <cstddef>
#include <cstdio>
// libjpeg's headers take both for granted.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

constexpr int kMostScans = 500;  // of a progressive file; more only take time

struct Reading {
  jpeg_decompress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::string warning;  // the first one that stands for wrong pixels
  ~Reading() { jpeg_destroy_decompress(&jpeg); }
};

std::string message_of(j_common_ptr jpeg) {
  std::array<char, JMSG_LENGTH_MAX> text{};
  (*jpeg->err->format_message)(jpeg, text.data());
  std::string message(text.data());
  if (message.size() > 1 && std::islower(static_cast<unsigned char>(message[1])) != 0)
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  return message;
}

void fail(j_common_ptr jpeg) { throw std::runtime_error("cannot be decoded: " + message_of(jpeg)); }

// Some cameras leave bytes in front of the end; they are no pixels.
bool is_harmless(const jpeg_error_mgr& errors) {
  constexpr int kEndOfImage = 0xD9;
  const int code = errors.msg_code;
  return (code == JWRN_EXTRANEOUS_DATA && errors.msg_parm.i[1] == kEndOfImage) || code == JWRN_JFIF_MAJOR ||
         code == JWRN_ADOBE_XFORM || code == JWRN_TOO_MUCH_DATA;
}

void take_message(j_common_ptr jpeg, int level) {
  auto& reading = *static_cast<Reading*>(jpeg->client_data);
  if (level < 0 && reading.warning.empty() && !is_harmless(*jpeg->err)) reading.warning = message_of(jpeg);
}

void stop_after_many_scans(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans)
    throw std::runtime_error("cannot be decoded: it has more scans than any picture needs");
}

void take_metadata(const jpeg_decompress_struct& jpeg, Decoded& decoded) {
  constexpr std::string_view kExif("Exif\0\0", 6), kProfile("ICC_PROFILE\0", 12);
  std::map<int, std::span<const std::uint8_t>> parts;  // of the profile, by number
  for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    const auto starts_with = [&](std::string_view text) {
      return data.size() >= text.size() && std::memcmp(data.data(), text.data(), text.size()) == 0;
    };
    if (marker->marker == JPEG_APP0 + 1 && starts_with(kExif) && decoded.orientation == 1)
      decoded.orientation = exif_orientation(data.subspan(kExif.size()));
    if (marker->marker == JPEG_APP0 + 2 && starts_with(kProfile) && data.size() > kProfile.size() + 2)
      parts[data[kProfile.size()]] = data.subspan(kProfile.size() + 2);
  }
  for (const auto& [number, part] : parts)
    decoded.profile.insert(decoded.profile.end(), part.begin(), part.end());
}

// Adobe's: 255 is no ink.
void cmyk_to_rgb(std::span<const std::uint8_t> from, std::uint8_t* to) {
  for (std::size_t i = 0; i + 4 <= from.size(); i += 4)
    for (std::size_t c = 0; c < 3; ++c) {
      const int black = from[i + 3];
      *to++ = static_cast<std::uint8_t>(black - ((255 - from[i + c]) * black >> 8));
    }
}

}  // namespace

Decoded decode_jpeg(std::span<const std::uint8_t> file) {
  Reading reading;
  jpeg_decompress_struct& jpeg = reading.jpeg;
  jpeg.err = jpeg_std_error(&reading.errors);
  reading.errors.error_exit = fail;
  reading.errors.emit_message = take_message;
  jpeg.client_data = &reading;
  jpeg_create_decompress(&jpeg);
  reading.progress.progress_monitor = stop_after_many_scans;
  jpeg.progress = &reading.progress;
  jpeg_mem_src(&jpeg, file.data(), static_cast<unsigned long>(file.size()));
  constexpr unsigned kWhole = 0xFFFF;
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, kWhole);
  jpeg_save_markers(&jpeg, JPEG_APP0 + 2, kWhole);
  jpeg_read_header(&jpeg, TRUE);
  const bool grey = jpeg.num_components == 1, inks = jpeg.num_components == 4;
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : inks ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&jpeg);

  Decoded decoded{.height = static_cast<int>(jpeg.output_height),
                  .width = static_cast<int>(jpeg.output_width),
                  .channels = grey ? 1 : 3};
  const std::size_t row =
      static_cast<std::size_t>(decoded.width) * static_cast<std::size_t>(decoded.channels);
  decoded.pixels.resize(row * static_cast<std::size_t>(decoded.height));
  std::vector<std::uint8_t> line(inks ? static_cast<std::size_t>(decoded.width) * 4 : 0);
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* const to = decoded.pixels.data() + jpeg.output_scanline * row;
    JSAMPROW target = inks ? line.data() : to;
    jpeg_read_scanlines(&jpeg, &target, 1);
    if (inks) cmyk_to_rgb(line, to);
  }
  take_metadata(jpeg, decoded);
  jpeg_finish_decompress(&jpeg);
  if (!reading.warning.empty()) throw std::runtime_error("is damaged: " + reading.warning);
  if (inks) decoded.profile.clear();  // it speaks of inks
  return decoded;
}

}  // namespace dagfusion
