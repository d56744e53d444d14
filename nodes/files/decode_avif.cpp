// AVIF, by libavif: AV1 Image File Format 1.1. Of a film of pictures the first; turned and mirrored as the file says.
#include <avif/avif.h>

#include <memory>
#include <stdexcept>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

struct Destroys {
  void operator()(avifDecoder* decoder) const { avifDecoderDestroy(decoder); }
};

void expect(avifResult result) {
  if (result == AVIF_RESULT_OUT_OF_MEMORY) throw std::bad_alloc();
  if (result != AVIF_RESULT_OK) throw std::runtime_error(kDamaged);
}

// ISO/IEC 23008-12, 6.5.10 and 6.5.12: turned left by quarters, then mirrored; as EXIF counts that.
int orientation_of(const avifImage& image) {
  const bool turned = (image.transformFlags & AVIF_TRANSFORM_IROT) != 0;
  const bool mirrored = (image.transformFlags & AVIF_TRANSFORM_IMIR) != 0;
  const int quarters = turned ? image.irot.angle & 3 : 0;
  constexpr int kPlain[] = {1, 8, 3, 6}, kTopToBottom[] = {4, 5, 2, 7}, kLeftToRight[] = {2, 7, 4, 5};
  if (!mirrored) return kPlain[quarters];
  return image.imir.mode == 0 ? kTopToBottom[quarters] : kLeftToRight[quarters];
}

}  // namespace

Decoded decode_avif(std::span<const std::uint8_t> file) {
  const std::unique_ptr<avifDecoder, Destroys> decoder(avifDecoderCreate());
  if (!decoder) throw std::bad_alloc();
  decoder->maxThreads = 1;
  decoder->imageSizeLimit = AVIF_DEFAULT_IMAGE_SIZE_LIMIT;
  decoder->strictFlags =
      AVIF_STRICT_DISABLED;  // as lenient as other programs where nothing has to be guessed
  expect(avifDecoderSetIOMemory(decoder.get(), file.data(), file.size()));
  expect(avifDecoderParse(decoder.get()));
  refuse_too_large(decoder->image->height, decoder->image->width);
  expect(avifDecoderNextImage(decoder.get()));
  const avifImage& image = *decoder->image;
  const bool alpha = image.alphaPlane != nullptr;
  Decoded decoded{.height = static_cast<int>(image.height),
                  .width = static_cast<int>(image.width),
                  .channels = alpha ? 4 : 3,
                  .orientation = orientation_of(image)};
  if (decoder->imageCount > 1) decoded.more = More::frames;
  decoded.pixels.resize(std::size_t{image.height} * image.width * static_cast<std::size_t>(decoded.channels));
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, &image);
  rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
  rgb.depth = 8;
  rgb.pixels = decoded.pixels.data();
  rgb.rowBytes = image.width * static_cast<std::uint32_t>(decoded.channels);
  expect(avifImageYUVToRGB(&image, &rgb));  // divides by alpha where the file has it multiplied
  decoded.profile.assign(image.icc.data, image.icc.data + image.icc.size);
  return decoded;
}

}  // namespace dagfusion
