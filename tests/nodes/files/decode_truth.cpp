// Pictures whose right pixels are easily missed: transparency of grey, orientation wherever it stands, masks, profiles,
// animation, damage that a decoder would fill up.
#include <gtest/gtest.h>
#include <lcms2.h>
#include <zlib.h>

#include "nodes/files/decode.h"
#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

Bytes big(std::uint32_t value, int bytes = 4) {
  Bytes made;
  for (int i = bytes; i-- > 0;) made.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return made;
}

Bytes little(std::uint32_t value, int bytes = 4) {
  Bytes made = big(value, bytes);
  std::reverse(made.begin(), made.end());
  return made;
}

Bytes text(const std::string& words) { return {words.begin(), words.end()}; }

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes chunk(const std::string& name, const Bytes& body) {
  const Bytes named = joined({text(name), body});
  const auto sum = static_cast<std::uint32_t>(crc32(0, named.data(), static_cast<uInt>(named.size())));
  return joined({big(static_cast<std::uint32_t>(body.size())), named, big(sum)});
}

// Of `kind` 0 (grey), 2 (colour) …; `rows` as they are before compression, without the filter's byte.
Bytes png(std::uint32_t width, std::uint32_t height, std::uint8_t depth, std::uint8_t kind,
          const std::vector<Bytes>& rows, const std::vector<Bytes>& chunks = {},
          const std::vector<Bytes>& behind = {}) {
  Bytes plain;
  for (const Bytes& row : rows) {
    plain.push_back(0);
    plain.insert(plain.end(), row.begin(), row.end());
  }
  auto bytes = compressBound(static_cast<uLong>(plain.size()));
  Bytes packed(bytes);
  compress(packed.data(), &bytes, plain.data(), static_cast<uLong>(plain.size()));
  packed.resize(bytes);
  return joined({text("\x89PNG\r\n\x1A\n"),
                 chunk("IHDR", joined({big(width), big(height), {depth, kind, 0, 0, 0}})), joined(chunks),
                 chunk("IDAT", packed), joined(behind), chunk("IEND", {})});
}

const Decoding kOver = {.background = {10, 20, 30}};

Bytes pixels(const Bytes& file, const Decoding& decoding = {}) { return decode_image(file, decoding).pixels; }

std::string complaint(const Bytes& file) {
  try {
    decode_image(file, {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(DecodeTruth, GreyPngsHaveATransparentLevelInEveryDepth) {
  // Two pixels: the first of the level that tRNS names, the second white.
  const Bytes seen = {10, 20, 30, 255, 255, 255};
  EXPECT_EQ(pixels(png(2, 1, 1, 0, {{0x40}}, {chunk("tRNS", {0, 0})}), kOver), seen);
  EXPECT_EQ(pixels(png(2, 1, 2, 0, {{0x70}}, {chunk("tRNS", {0, 1})}), kOver), seen);
  EXPECT_EQ(pixels(png(2, 1, 4, 0, {{0x7F}}, {chunk("tRNS", {0, 7})}), kOver), seen);
  EXPECT_EQ(pixels(png(2, 1, 8, 0, {{7, 255}}, {chunk("tRNS", {0, 7})}), kOver), seen);
  EXPECT_EQ(pixels(png(2, 1, 16, 0, {{1, 7, 255, 255}}, {chunk("tRNS", {1, 7})}), kOver), seen);
  EXPECT_EQ(pixels(png(2, 1, 8, 2, {{1, 2, 3, 255, 255, 255}}, {chunk("tRNS", {0, 1, 0, 2, 0, 3})}), kOver),
            seen);
  EXPECT_EQ(
      pixels(png(2, 1, 8, 3, {{0, 1}}, {chunk("PLTE", {9, 9, 9, 255, 255, 255}), chunk("tRNS", {0})}), kOver),
      seen);
  EXPECT_EQ(pixels(png(2, 1, 8, 4, {{9, 0, 255, 255}}), kOver), seen);  // grey with alpha
}

TEST(DecodeTruth, RefusesAPngWithAWrongChecksumAnywhere) {
  Bytes transparent = png(2, 1, 8, 0, {{7, 255}}, {chunk("tRNS", {0, 7})});
  const auto at = std::search(transparent.begin(), transparent.end(), "tRNS", "tRNS" + 4);
  at[5] = 8;
  EXPECT_EQ(complaint(transparent), "cannot be decoded: it is damaged, or cut short");
}

// A TIFF header with one entry: the orientation.
Bytes exif(std::uint8_t orientation) {
  return joined(
      {text("MM"), {0, 42}, big(8), {0, 1, 0x01, 0x12, 0, 3}, big(1), {0, orientation, 0, 0}, big(0)});
}

TEST(DecodeTruth, TurnsPngAndWebpUprightToo) {
  // Orientation 6 turns right: the left pixel comes to the top.
  const std::vector<Bytes> row = {{1, 2}};
  for (const Bytes& file :
       {png(2, 1, 8, 0, row, {chunk("eXIf", exif(6))}), png(2, 1, 8, 0, row, {}, {chunk("eXIf", exif(6))})}) {
    const Image image = decode_image(file, {.channels = 1});
    EXPECT_EQ(image.height, 2);
    EXPECT_EQ(image.pixels, (Bytes{1, 2}));
  }
  const Bytes lossless =
      encoded(".webp", cv::Mat(1, 2, CV_8UC3, cv::Scalar(1, 2, 3)), {cv::IMWRITE_WEBP_QUALITY, 101});
  const Bytes picture(lossless.begin() + 12, lossless.end()), block = exif(8);
  const Bytes body = joined({text("WEBPVP8X"),
                             little(10),
                             {8, 0, 0, 0},
                             little(1, 3),
                             little(0, 3),
                             picture,
                             text("EXIF"),
                             little(static_cast<std::uint32_t>(block.size())),
                             block});
  const Image image =
      decode_image(joined({text("RIFF"), little(static_cast<std::uint32_t>(body.size())), body}), {});
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 1);
}

TEST(DecodeTruth, EveryOrientationPutsTheRightPixelFirst) {
  // 1 2 3 / 4 5 6; after each of EXIF's orientations the first row is:
  const std::vector<Bytes> first = {{1, 2, 3}, {3, 2, 1}, {6, 5, 4}, {4, 5, 6},
                                    {1, 4},    {4, 1},    {6, 3},    {3, 6}};
  for (std::uint8_t how = 1; how <= 8; ++how) {
    const Image image =
        decode_image(png(3, 2, 8, 0, {{1, 2, 3}, {4, 5, 6}}, {chunk("eXIf", exif(how))}), {.channels = 1});
    EXPECT_EQ(Bytes(image.pixels.begin(), image.pixels.begin() + image.width), first[how - 1U]) << int{how};
  }
}

TEST(DecodeTruth, FindsExifInAnyApp1OfAJpeg) {
  Bytes jpeg = encoded(".jpg", gradient(8, 24));
  const auto app1 = [](const Bytes& body) {
    return joined({{0xFF, 0xE1}, big(static_cast<std::uint32_t>(body.size() + 2), 2), body});
  };
  const Bytes both = joined({app1(joined({text("http://ns.adobe.com/xap/1.0/"), {0}, text("<x:xmpmeta/>")})),
                             app1(joined({text("Exif"), {0, 0}, exif(6)}))});
  jpeg.insert(jpeg.begin() + 2, both.begin(), both.end());
  EXPECT_EQ(decode_image(jpeg, {}).height, 24);
}

TEST(DecodeTruth, RefusesAJpegThatItsDecoderFillsUp) {
  Bytes jpeg = encoded(".jpg", gradient(64, 64));
  jpeg.resize(jpeg.size() * 3 / 4);
  jpeg.insert(jpeg.end(), {0xFF, 0xD9});
  EXPECT_EQ(complaint(jpeg), "is damaged: corrupt JPEG data: premature end of data segment");
}

TEST(DecodeTruth, LeavesBytesInFrontOfTheEndOfAJpegAside) {
  Bytes jpeg = encoded(".jpg", gradient(16, 16));
  jpeg.insert(jpeg.end() - 2, {0, 0, 0});
  EXPECT_EQ(complaint(jpeg), "");
}

Bytes bmp(std::uint32_t width, std::uint32_t height, std::uint16_t bits, std::uint32_t compression,
          const Bytes& body, const Bytes& between = {}, std::uint32_t colours = 0) {
  const auto offset = static_cast<std::uint32_t>(54 + between.size());
  return joined({text("BM"), little(offset + static_cast<std::uint32_t>(body.size())), little(0),
                 little(offset), little(40), little(width), little(height), little(1, 2), little(bits, 2),
                 little(compression), little(0), little(0), little(0), little(colours), little(0), between,
                 body});
}

TEST(DecodeTruth, BmpBitsFillTheirRange) {
  const Bytes five_six_five = joined({little(0xF800), little(0x07E0), little(0x001F)});
  EXPECT_EQ(pixels(bmp(2, 1, 16, 3, {0xFF, 0xFF, 0, 0x80}, five_six_five)),
            (Bytes{255, 255, 255, 132, 0, 0}));                                              // 16/31
  EXPECT_EQ(pixels(bmp(2, 1, 16, 0, {0xFF, 0x7F, 0, 0})), (Bytes{255, 255, 255, 0, 0, 0}));  // 5-5-5
}

TEST(DecodeTruth, BmpMasksSayWhichByteIsRed) {
  const Bytes masks = joined({little(0xFF), little(0xFF00), little(0xFF0000)});
  EXPECT_EQ(pixels(bmp(1, 1, 32, 3, {200, 100, 50, 0}, masks)), (Bytes{200, 100, 50}));
  const Bytes ten = joined({little(0x3FF00000), little(0xFFC00), little(0x3FF)});  // 10 bits each
  EXPECT_EQ(pixels(bmp(1, 1, 32, 3, little(0x3FF00000 | 512 << 10), ten)), (Bytes{255, 128, 0}));
  EXPECT_EQ(pixels(bmp(1, 1, 32, 0, {1, 2, 3, 0})), (Bytes{3, 2, 1}));  // the fourth byte is nothing
}

TEST(DecodeTruth, BmpPalettesAndRuns) {
  const Bytes palette = {0, 0, 0, 0, 3, 2, 1, 0};  // black, and 1 2 3
  EXPECT_EQ(pixels(bmp(3, 1, 1, 0, {0xA0, 0, 0, 0}, palette, 2)), (Bytes{1, 2, 3, 0, 0, 0, 1, 2, 3}));
  EXPECT_EQ(pixels(bmp(3, 1, 8, 1, {2, 1, 0, 0, 0, 1}, palette, 2)), (Bytes{1, 2, 3, 1, 2, 3, 0, 0, 0}));
  EXPECT_EQ(pixels(bmp(3, 1, 4, 2, {0, 3, 0x10, 0x10, 0, 1}, palette, 2)),
            (Bytes{1, 2, 3, 0, 0, 0, 1, 2, 3}));
  EXPECT_EQ(complaint(bmp(3, 1, 8, 1, {9, 1, 0, 1}, palette, 2)),
            "cannot be decoded: it is damaged, or cut short");
  EXPECT_EQ(complaint(bmp(1, 1, 24, 4, {1, 2, 3, 0})),
            "is a BMP file with 24 bits a pixel and compression 4, which is not read");
}

TEST(DecodeTruth, TakesTheFirstFrameOfAnAnimation) {
  // Two lossless frames of 2x2: the first 200 30 40, at the canvas' corner of a canvas of 4x2.
  const auto frame = [](const cv::Scalar& bgr) {
    const Bytes whole = encoded(".webp", cv::Mat(2, 2, CV_8UC3, bgr), {cv::IMWRITE_WEBP_QUALITY, 101});
    const Bytes picture(whole.begin() + 12, whole.end());
    return joined({text("ANMF"),
                   little(static_cast<std::uint32_t>(16 + picture.size())),
                   little(0, 3),
                   little(0, 3),
                   little(1, 3),
                   little(1, 3),
                   little(100, 3),
                   {0},
                   picture});
  };
  const Bytes body = joined({text("WEBPVP8X"),
                             little(10),
                             {2, 0, 0, 0},
                             little(3, 3),
                             little(1, 3),
                             text("ANIM"),
                             little(6),
                             little(0),
                             little(0, 2),
                             frame(cv::Scalar(40, 30, 200)),
                             frame(cv::Scalar(1, 1, 1))});
  DecodingNotes notes;
  const Image image =
      decode_image(joined({text("RIFF"), little(static_cast<std::uint32_t>(body.size())), body}), {}, &notes);
  EXPECT_TRUE(notes.animated);
  EXPECT_EQ(image.width, 4);
  EXPECT_EQ(Bytes(image.pixels.begin(), image.pixels.begin() + 12),
            (Bytes{200, 30, 40, 200, 30, 40, 255, 255, 255, 255, 255, 255}));
}

// A profile with the primaries of Adobe RGB (1998) and gamma 2.2.
Bytes wide_profile() {
  const cmsCIExyY white = {0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries = {{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
  cmsToneCurve* gamma = cmsBuildGamma(nullptr, 2.2);
  cmsToneCurve* const curves[3] = {gamma, gamma, gamma};
  void* const profile = cmsCreateRGBProfile(&white, &primaries, curves);
  cmsUInt32Number count = 0;
  cmsSaveProfileToMem(profile, nullptr, &count);
  Bytes bytes(count);
  cmsSaveProfileToMem(profile, bytes.data(), &count);
  cmsCloseProfile(profile);
  cmsFreeToneCurve(gamma);
  return bytes;
}

TEST(DecodeTruth, TurnsOtherColourProfilesIntoSrgb) {
  const Bytes profile = wide_profile();
  auto count = compressBound(static_cast<uLong>(profile.size()));
  Bytes packed(count);
  compress(packed.data(), &count, profile.data(), static_cast<uLong>(profile.size()));
  packed.resize(count);
  const Bytes file =
      png(1, 1, 8, 2, {{150, 200, 80}}, {chunk("iCCP", joined({text("wide"), {0, 0}, packed}))});
  DecodingNotes notes;
  const Bytes rgb = decode_image(file, {}, &notes).pixels;
  EXPECT_TRUE(notes.converted);
  EXPECT_NEAR(rgb[0], 124, 2);  // what Adobe RGB 150 200 80 is in sRGB
  EXPECT_NEAR(rgb[1], 201, 2);
  EXPECT_NEAR(rgb[2], 67, 3);
  EXPECT_EQ(pixels(file, {.to_srgb = false}), (Bytes{150, 200, 80}));
}

}  // namespace
}  // namespace dagfusion::tests
