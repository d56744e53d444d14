#include "nodes/files/decode.h"

#include <gtest/gtest.h>

#include "nodes/files/image_header.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

std::string complaint(const Bytes& bytes) {
  try {
    decode_image(bytes, {});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

void put_big(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

TEST(ImageHeader, ReadsTheSizeOfEveryFormat) {
  const cv::Mat picture = gradient(20, 30);
  for (const auto& [bytes, format] : std::vector<std::pair<Bytes, ImageFormat>>{
           {encoded(".png", picture), ImageFormat::png},
           {encoded(".jpg", picture), ImageFormat::jpeg},
           {encoded(".jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1}), ImageFormat::jpeg},
           {encoded(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 80}), ImageFormat::webp},   // lossy
           {encoded(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101}), ImageFormat::webp},  // lossless
           {encoded(".bmp", picture), ImageFormat::bmp}}) {
    const ImageHeader header = read_image_header(bytes);
    EXPECT_EQ(header.format, format);
    EXPECT_EQ(header.height, 20);
    EXPECT_EQ(header.width, 30);
  }
}

TEST(ImageHeader, SurvivesAnyShorteningOfAFile) {
  const cv::Mat picture = gradient(4, 4);
  for (const char* ending : {".png", ".jpg", ".webp", ".bmp"}) {
    const Bytes whole = encoded(ending, picture);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      try {
        read_image_header(part);
      } catch (const std::runtime_error&) {
      }
    }
  }
}

TEST(DecodeImage, GivesRedGreenAndBlue) {
  for (const char* ending : {".png", ".bmp"}) {
    const Image image = decode_image(encoded(ending, gradient(2, 3)), {});
    EXPECT_EQ(image.height, 2);
    EXPECT_EQ(image.width, 3);
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.pixels, (Bytes{0, 0, 7, 1, 0, 7, 2, 0, 7,  //
                                   0, 1, 7, 1, 1, 7, 2, 1, 7}));
  }
}

TEST(DecodeImage, ReadsJpegAndWebpToWithinTheirLoss) {
  const cv::Mat red(8, 8, CV_8UC3, cv::Scalar(10, 20, 200));
  for (const char* ending : {".jpg", ".webp"}) {
    const Image image = decode_image(
        encoded(ending, red, {cv::IMWRITE_JPEG_QUALITY, 100, cv::IMWRITE_WEBP_QUALITY, 100}), {});
    ASSERT_EQ(image.pixels.size(), 192u);
    EXPECT_NEAR(image.pixels[0], 200, 4);
    EXPECT_NEAR(image.pixels[1], 20, 4);
    EXPECT_NEAR(image.pixels[2], 10, 4);
  }
}

TEST(DecodeImage, LetsTheBackgroundShowThrough) {
  // alpha 51 of 255 is a fifth: 0.2 * 200 + 0.8 * 100 = 120.
  cv::Mat picture(1, 3, CV_8UC4);
  picture.at<cv::Vec4b>(0, 0) = {30, 20, 10, 255};
  picture.at<cv::Vec4b>(0, 1) = {30, 20, 10, 0};
  picture.at<cv::Vec4b>(0, 2) = {200, 200, 200, 51};
  const Image image = decode_image(encoded(".png", picture), {.background = {100, 100, 50}});
  EXPECT_EQ(image.pixels, (Bytes{10, 20, 30, 100, 100, 50, 120, 120, 80}));
}

TEST(DecodeImage, KeepsTheTransparencyOfWebp) {
  const cv::Mat clear(4, 4, CV_8UC4, cv::Scalar(0, 0, 0, 0));
  const Image image = decode_image(encoded(".webp", clear, {cv::IMWRITE_WEBP_QUALITY, 101}), {});
  EXPECT_EQ(image.pixels, Bytes(48, 255));
}

TEST(DecodeImage, TurnsGreyToColourAndBack) {
  const cv::Mat grey(1, 2, CV_8UC1, cv::Scalar(77));
  EXPECT_EQ(decode_image(encoded(".png", grey), {}).pixels, Bytes(6, 77));
  EXPECT_EQ(decode_image(encoded(".png", grey), {.channels = 1}).pixels, Bytes(2, 77));
  // ITU-R BT.601: 0.299 * 100 + 0.587 * 50 + 0.114 * 200 = 82.05
  const cv::Mat colour(1, 1, CV_8UC3, cv::Scalar(200, 50, 100));
  EXPECT_EQ(decode_image(encoded(".png", colour), {.channels = 1}).pixels, Bytes{82});
}

TEST(DecodeImage, RoundsSixteenBitsToEight) {
  // 257 * 100 = 25700 is 100; 25700 + 128 is still nearer to 100 than to 101, 25700 + 129 is not.
  cv::Mat deep(1, 3, CV_16UC1);
  deep.at<std::uint16_t>(0, 0) = 25700;
  deep.at<std::uint16_t>(0, 1) = 25828;
  deep.at<std::uint16_t>(0, 2) = 25829;
  EXPECT_EQ(decode_image(encoded(".png", deep), {.channels = 1}).pixels, (Bytes{100, 100, 101}));
}

TEST(DecodeImage, TurnsJpegUprightByItsOrientation) {
  Bytes jpeg = encoded(".jpg", gradient(8, 24));
  // APP1: "Exif", a big-endian TIFF header, one entry:
  // orientation (0x0112), short, one value, 6 = turn right.
  const Bytes exif = {0xFF, 0xE1, 0, 34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                      0,    1,    1, 0x12, 0,   3,   0,   0,   0, 1, 0,   6,   0, 0,  0, 0, 0, 0};
  jpeg.insert(jpeg.begin() + 2, exif.begin(), exif.end());
  const Image image = decode_image(jpeg, {});
  EXPECT_EQ(image.height, 24);
  EXPECT_EQ(image.width, 8);
}

TEST(DecodeImage, RefusesAHugePictureBeforeDecodingIt) {
  Bytes png = encoded(".png", gradient(4, 4));
  put_big(png, 16, 100000);
  put_big(png, 20, 100000);
  EXPECT_EQ(complaint(png), "has 100000x100000 pixels; the limit is 64 Mpixel");
  put_big(png, 16, 0x7FFFFFFF);
  put_big(png, 20, 0x7FFFFFFF);
  EXPECT_EQ(complaint(png), "has 2147483647x2147483647 pixels; the limit is 64 Mpixel");
  put_big(png, 16, 0);
  EXPECT_EQ(complaint(png), "says it has 0x2147483647 pixels");
}

TEST(DecodeImage, RefusesWhatIsNoImage) {
  EXPECT_EQ(complaint({}), "is empty");
  EXPECT_EQ(complaint({'h', 'e', 'l', 'l', 'o'}),
            "is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL");
  EXPECT_EQ(complaint({'G', 'I', 'F', '8', '9', 'a'}), "is cut short in its header");
  EXPECT_EQ(complaint({0xFF, 0xD8, 0xFF}), "is cut short in its header");
  EXPECT_EQ(complaint({0xFF, 0xD8, 0xFF, 0xE0, 0, 2, 1, 2}), "has no marker where a JPEG file must have one");
}

TEST(DecodeImage, RefusesAFileThatIsCutShort) {
  const auto half = [](Bytes bytes) {
    bytes.resize(bytes.size() / 2);
    return bytes;
  };
  const cv::Mat picture = gradient(64, 64);
  const std::string damaged = "cannot be decoded: it is damaged, or cut short";
  EXPECT_EQ(complaint(half(encoded(".png", picture))), damaged);
  EXPECT_EQ(complaint(half(encoded(".webp", picture))), damaged);
  EXPECT_EQ(complaint(half(encoded(".bmp", picture))), damaged);
  Bytes jpeg = encoded(".jpg", picture);
  jpeg.resize(jpeg.size() - 20);  // a decoder would fill the rest with grey
  EXPECT_EQ(complaint(jpeg), "is cut short: a JPEG file without an end");
}

TEST(DecodeImage, RefusesADamagedPng) {
  Bytes png = encoded(".png", gradient(64, 64));
  png[png.size() / 2] ^= 1;
  EXPECT_EQ(complaint(png), "cannot be decoded: it is damaged, or cut short");
}

TEST(ReadImage, NamesTheFile) {
  ScratchFolder folder;
  save(folder / "a.png", {1, 2, 3});
  EXPECT_THROW(
      try { read_image(folder / "a.png", "a.png", {}); } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "'" + folder / "a.png" +
                      "' is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL");
        throw;
      },
      std::runtime_error);
  save(folder / "b.png", encoded(".jpg", gradient(2, 2)));  // content counts, not the ending
  EXPECT_EQ(read_image(folder / "b.png", "b", {}).name, "b");
}

}  // namespace
}  // namespace dagfusion::tests
