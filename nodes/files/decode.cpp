#include "nodes/files/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "graph/values/open_file.h"
#include "nodes/files/codecs.h"
#include "nodes/files/confined.h"
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

Decoded decode_any(std::span<const std::uint8_t> file, const ImageHeader& header) {
  switch (header.format) {
    case ImageFormat::png:
      return decode_png(file);
    case ImageFormat::jpeg:
      expect_end_of_jpeg(file, header.body);
      return decode_jpeg(file);
    case ImageFormat::webp:
      return decode_webp(file);
    case ImageFormat::bmp:
      return decode_bmp(file);
    case ImageFormat::gif:
      return decode_gif(file);
    case ImageFormat::tiff:
      return decode_tiff(file);
    case ImageFormat::heif:
      return decode_heif(file);
    case ImageFormat::avif:
      return decode_avif(file);
    case ImageFormat::jxl:
      return decode_jxl(file);
  }
  throw std::logic_error("an image format without a decoder");
}

// Grey or colour with alpha to red, green, blue over the background; without alpha as it is.
void put_over(Decoded& decoded, const std::array<std::uint8_t, 3>& background) {
  if (decoded.channels != 2 && decoded.channels != 4) return;
  const auto channels = static_cast<std::size_t>(decoded.channels);
  std::vector<std::uint8_t> out(decoded.pixels.size() / channels * 3);
  std::uint8_t* to = out.data();
  for (const std::uint8_t* from = decoded.pixels.data(); to != out.data() + out.size(); from += channels)
    for (std::size_t c = 0; c < 3; ++c) {
      const int alpha = from[channels - 1], value = channels == 2 ? from[0] : from[c];
      *to++ = static_cast<std::uint8_t>((value * alpha + background[c] * (255 - alpha) + 127) / 255);
    }
  decoded.pixels = std::move(out);
  decoded.channels = 3;
}

}  // namespace

void refuse_too_large(std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1)
    throw std::runtime_error(fmt::format("says it has {}x{} pixels", width, height));
  if (height > kMostPixels / width)
    throw std::runtime_error(
        fmt::format("has {}x{} pixels; the limit is {} Mpixel", width, height, kMostPixels >> 20));
}

void divide_by_alpha(Decoded& decoded) {
  const auto channels = static_cast<std::size_t>(decoded.channels);
  for (std::size_t at = 0; at < decoded.pixels.size(); at += channels) {
    const int alpha = decoded.pixels[at + channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c + 1 < channels; ++c)
      decoded.pixels[at + c] =
          static_cast<std::uint8_t>(std::min(255, (decoded.pixels[at + c] * 255 + alpha / 2) / alpha));
  }
}

namespace {

Image decode_here(std::span<const std::uint8_t> file, const Decoding& decoding, DecodingNotes& notes) {
  const ImageHeader header = read_image_header(file);
  if (header.has_size) refuse_too_large(header.height, header.width);

  Decoded decoded = decode_any(file, header);
  turn_upright(decoded);
  const bool converted = decoding.to_srgb && convert_to_srgb(decoded);
  notes = {
      .animated = decoded.more == More::frames, .pages = decoded.more == More::pages, .converted = converted};
  put_over(decoded, decoding.background);

  Image image{decoded.height, decoded.width, decoding.channels};
  if (decoded.channels == decoding.channels) {
    image.pixels = std::move(decoded.pixels);
    return image;
  }
  const cv::Mat pixels(decoded.height, decoded.width, CV_8UC(decoded.channels), decoded.pixels.data());
  image.pixels.resize(pixels.total() * static_cast<std::size_t>(decoding.channels));
  cv::Mat target(decoded.height, decoded.width, CV_8UC(decoding.channels), image.pixels.data());
  cv::cvtColor(pixels, target, decoding.channels == 1 ? cv::COLOR_RGB2GRAY : cv::COLOR_GRAY2RGB);
  return image;
}

struct Made {
  int height = 0, width = 0;
  DecodingNotes notes;
};

// The next picture of an answer.
Image picture_of(const Made& made, const Decoding& decoding, std::span<const std::uint8_t> pixels) {
  refuse_too_large(made.height, made.width);
  Image image{made.height, made.width, decoding.channels};
  image.pixels.assign(pixels.begin(), pixels.end());
  return image;
}

std::size_t bytes_of(const Made& made, const Decoding& decoding) {
  refuse_too_large(made.height, made.width);
  return static_cast<std::size_t>(made.height) * static_cast<std::size_t>(made.width) *
         static_cast<std::size_t>(decoding.channels);
}

constexpr std::size_t kMostTogether = 4 << 20;  // bytes of pixels

// Head: how to decode, how many files, their lengths. Answer: for each whether it was decoded, and its facts or what is
// wrong with it; nothing for those that have to come alone.
enum class Came : std::uint8_t { decoded, wrong, not_yet };

ConfinedAnswer decode_several_confined(const Confined& request) {
  TakenFrom asked(request.head);
  const auto decoding = asked.value<Decoding>();
  ConfinedAnswer answer;
  std::span<const std::uint8_t> left = request.body;
  for (auto files = asked.value<std::size_t>(); files > 0; --files) {
    const std::span<const std::uint8_t> file = left.first(std::min(asked.value<std::size_t>(), left.size()));
    left = left.subspan(file.size());
    if (answer.body.size() >= kMostTogether) {
      put(answer.head, Came::not_yet);
      continue;
    }
    try {
      Made made;
      const Image image = decode_here(file, decoding, made.notes);
      if (image.pixels.size() > kMostTogether) {
        put(answer.head, Came::not_yet);
        continue;
      }
      made.height = image.height;
      made.width = image.width;
      put(answer.head, Came::decoded);
      put(answer.head, made);
      // Pictures of a folder are often of one size.
      answer.body.reserve(std::max(answer.body.capacity(), files * image.pixels.size()));
      answer.body.insert(answer.body.end(), image.pixels.begin(), image.pixels.end());
    } catch (const std::runtime_error& error) {
      put(answer.head, Came::wrong);
      put_text(answer.head, error.what());
    }
  }
  return answer;
}

ConfinedAnswer decode_confined(const Confined& request) {
  Made made;
  const auto decoding = TakenFrom(request.head).value<Decoding>();
  Image image = decode_here(request.body, decoding, made.notes);
  made.height = image.height;
  made.width = image.width;
  ConfinedAnswer answer;
  put(answer.head, made);
  answer.body = std::move(image.pixels);
  return answer;
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> file, const Decoding& decoding, DecodingNotes* notes) {
  Confined request{{}, file};
  put(request.head, decoding);
  ConfinedAnswer answer = confined(decode_confined, request);
  const auto made = TakenFrom(answer.head).value<Made>();
  refuse_too_large(made.height, made.width);
  Image image{made.height, made.width, decoding.channels};
  image.pixels = std::move(answer.body);
  if (image.pixels.size() != static_cast<std::size_t>(made.height) * static_cast<std::size_t>(made.width) *
                                 static_cast<std::size_t>(decoding.channels))
    throw std::runtime_error("is damaged: its pixels are not as many as its size says");
  if (notes) *notes = made.notes;
  return image;
}

std::vector<DecodedPicture> decode_images(std::span<const std::vector<std::uint8_t>> files,
                                          const Decoding& decoding) {
  Confined request;
  put(request.head, decoding);
  put(request.head, files.size());
  std::vector<std::uint8_t> all;
  for (const std::vector<std::uint8_t>& file : files) {
    put(request.head, file.size());
    all.insert(all.end(), file.begin(), file.end());
  }
  request.body = all;
  const ConfinedAnswer answer = confined(decode_several_confined, request);
  TakenFrom head(answer.head);
  std::span<const std::uint8_t> pixels = answer.body;
  std::vector<DecodedPicture> pictures(files.size());
  for (DecodedPicture& picture : pictures) {
    const auto came = head.value<Came>();
    if (came == Came::wrong) picture.wrong = head.text();
    if (came != Came::decoded) continue;
    const auto made = head.value<Made>();
    const std::size_t bytes = bytes_of(made, decoding);
    if (bytes > pixels.size()) throw std::runtime_error("is damaged: the answer about it is cut short");
    picture.image = picture_of(made, decoding, pixels.first(bytes));
    picture.notes = made.notes;
    pixels = pixels.subspan(bytes);
  }
  return pictures;
}

std::vector<std::uint8_t> read_picture_bytes(const std::filesystem::path& path) {
  std::error_code problem;
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) throw std::runtime_error("cannot be read: " + problem.message());
  if (size > kMostBytes)
    throw std::runtime_error(fmt::format("is {} bytes long; the limit is {}", size, kMostBytes));
  std::vector<std::uint8_t> bytes(size);
  std::ifstream file = open_file(path);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) throw std::runtime_error("cannot be read");
  return bytes;
}

Image read_image(const std::filesystem::path& path, const std::string& name, const Decoding& decoding,
                 DecodingNotes* notes) {
  try {
    Image image = decode_image(read_picture_bytes(path), decoding, notes);
    image.name = name;
    return image;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("'{}' {}", path.string(), error.what()));
  }
}

}  // namespace dagfusion
