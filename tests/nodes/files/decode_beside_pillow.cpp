// TIFF, GIF, HEIC, AVIF and JPEG XL as golden/pictures.py wrote them, beside what Pillow reads of them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "nodes/files/decode.h"
#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

const std::filesystem::path kPictures = std::filesystem::path(DAGFUSION_GOLDEN) / "pictures";

struct Case {
  const char* file;
  int loss;  // by which a number may differ
};

std::string complaint(const Bytes& bytes) {
  try {
    decode_image(bytes, {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

int largest_difference(const Image& a, const Image& b) {
  if (a.height != b.height || a.width != b.width || a.pixels.size() != b.pixels.size()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return most;
}

TEST(DecodeImage, ReadsWhatPillowReads) {
  constexpr int kExact = 0, kAlpha = 1, kYCbCr = 2, kChroma = 6;  // enlarged in other ways
  for (const Case& one :
       std::vector<Case>{{"plain.tif", kExact},    {"lzw.tif", kExact},        {"deflate.tif", kExact},
                         {"jpeg.tif", kYCbCr},     {"grey.tif", kExact},       {"black_white.tif", kExact},
                         {"palette.tif", kExact},  {"alpha.tif", kAlpha},      {"cmyk.tif", kAlpha},
                         {"turned.tif", kExact},   {"pages.tif", kExact},      {"deep.tif", kExact},
                         {"plain.gif", kExact},    {"interlaced.gif", kExact}, {"clear.gif", kExact},
                         {"film.gif", kExact},     {"plain.heic", kChroma},    {"alpha.heic", kChroma},
                         {"turned.heic", kChroma}, {"plain.avif", kChroma},    {"alpha.avif", kChroma},
                         {"lossless.jxl", kExact}, {"lossy.jxl", kYCbCr},      {"grey.jxl", kExact},
                         {"alpha.jxl", kExact}}) {
    SCOPED_TRACE(one.file);
    const Image read = decode_image(read_picture_bytes(kPictures / one.file), {});
    const Image expected = decode_image(read_picture_bytes(kPictures / (std::string(one.file) + ".png")), {});
    EXPECT_LE(largest_difference(read, expected), one.loss);
  }
}

TEST(DecodeImage, SaysThatAFileHoldsMoreThanOnePicture) {
  DecodingNotes notes;
  decode_image(read_picture_bytes(kPictures / "film.gif"), {}, &notes);
  EXPECT_TRUE(notes.animated);
  decode_image(read_picture_bytes(kPictures / "plain.gif"), {}, &notes);
  EXPECT_FALSE(notes.animated);
  decode_image(read_picture_bytes(kPictures / "pages.tif"), {}, &notes);
  EXPECT_TRUE(notes.pages);
  decode_image(read_picture_bytes(kPictures / "plain.tif"), {}, &notes);
  EXPECT_FALSE(notes.pages);
}

TEST(DecodeImage, NeverFillsUpWhatIsMissing) {
  for (const char* file : {"lzw.tif", "deflate.tif", "jpeg.tif", "plain.tif", "plain.gif", "interlaced.gif",
                           "plain.heic", "plain.avif", "lossless.jxl", "lossy.jxl"}) {
    const Bytes whole = read_picture_bytes(kPictures / file);
    for (const std::size_t share : {2, 3, 4}) {
      SCOPED_TRACE(fmt::format("{} without its last {} part", file, share));
      const Bytes part(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(whole.size() / share));
      EXPECT_EQ(complaint(part), "cannot be decoded: it is damaged, or cut short");
    }
  }
}

TEST(DecodeImage, SurvivesDamageOfEveryFormat) {
  std::uint32_t random = 12345;
  const auto next = [&] { return random = random * 1664525 + 1013904223; };
  for (const char* file : {"lzw.tif", "jpeg.tif", "palette.tif", "interlaced.gif", "film.gif", "plain.heic",
                           "plain.avif", "lossless.jxl", "lossy.jxl"}) {
    const Bytes whole = read_picture_bytes(kPictures / file);
    constexpr int kTrials = 60;
    for (int trial = 0; trial < kTrials; ++trial) {
      Bytes damaged = whole;
      for (int i = 0; i < 3; ++i) damaged[next() % damaged.size()] = static_cast<std::uint8_t>(next() >> 24);
      complaint(damaged);  // whatever it says, it says it
    }
  }
}

TEST(DecodeImage, RefusesAHugeGifBeforeDecodingIt) {
  Bytes gif = read_picture_bytes(kPictures / "plain.gif");
  for (std::size_t i = 6; i < 10; ++i) gif[i] = 0xFF;
  EXPECT_EQ(complaint(gif), "has 65535x65535 pixels; the limit is 64 Mpixel");
}

}  // namespace
}  // namespace dagfusion::tests
