// JPEG XL, by libjxl: ISO/IEC 18181. Of an animation the first frame; turned as the file says.
#include <jxl/decode.h>

#include <memory>
#include <stdexcept>

#include "nodes/files/codecs.h"
#include "nodes/files/silence.h"

namespace dagfusion {
namespace {

struct Destroys {
  void operator()(JxlDecoder* decoder) const { JxlDecoderDestroy(decoder); }
};

void expect(JxlDecoderStatus status) {
  if (status != JXL_DEC_SUCCESS) throw std::runtime_error(kDamaged);
}

Decoded with_header(const JxlBasicInfo& info) {
  refuse_too_large(info.ysize, info.xsize);
  Decoded decoded{
      .height = static_cast<int>(info.ysize),  // as they are once it is turned
      .width = static_cast<int>(info.xsize),
      .channels = static_cast<int>(info.num_color_channels == 1 ? 1 : 3) + (info.alpha_bits > 0 ? 1 : 0)};
  if (info.have_animation == JXL_TRUE) decoded.more = More::frames;
  return decoded;
}

void take_profile(JxlDecoder* decoder, const JxlPixelFormat& format, Decoded& decoded) {
  std::size_t bytes = 0;
  if (JxlDecoderGetICCProfileSize(decoder, &format, JXL_COLOR_PROFILE_TARGET_DATA, &bytes) != JXL_DEC_SUCCESS)
    return;
  decoded.profile.resize(bytes);
  expect(JxlDecoderGetColorAsICCProfile(decoder, &format, JXL_COLOR_PROFILE_TARGET_DATA,
                                        decoded.profile.data(), bytes));
}

}  // namespace

Decoded decode_jxl(std::span<const std::uint8_t> file) {
  const Silence silence;
  const std::unique_ptr<JxlDecoder, Destroys> owned(JxlDecoderCreate(nullptr));
  JxlDecoder* const decoder = owned.get();
  if (!decoder) throw std::bad_alloc();
  expect(
      JxlDecoderSubscribeEvents(decoder, JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE));
  expect(JxlDecoderSetInput(decoder, file.data(), file.size()));
  JxlDecoderCloseInput(decoder);
  expect(JxlDecoderSetUnpremultiplyAlpha(decoder, JXL_TRUE));
  Decoded decoded;
  JxlPixelFormat format{.num_channels = 3, .data_type = JXL_TYPE_UINT8, .endianness = JXL_NATIVE_ENDIAN};
  for (;;) {
    const JxlDecoderStatus status = JxlDecoderProcessInput(decoder);
    if (status == JXL_DEC_BASIC_INFO) {
      JxlBasicInfo info;
      expect(JxlDecoderGetBasicInfo(decoder, &info));
      decoded = with_header(info);
      format.num_channels = static_cast<std::uint32_t>(decoded.channels);
    } else if (status == JXL_DEC_COLOR_ENCODING) {
      take_profile(decoder, format, decoded);
    } else if (status == JXL_DEC_NEED_IMAGE_OUT_BUFFER) {
      std::size_t bytes = 0;
      expect(JxlDecoderImageOutBufferSize(decoder, &format, &bytes));
      decoded.pixels.resize(bytes);
      expect(JxlDecoderSetImageOutBuffer(decoder, &format, decoded.pixels.data(), bytes));
    } else if (status == JXL_DEC_FULL_IMAGE) {
      const auto wanted = static_cast<std::size_t>(decoded.height) * static_cast<std::size_t>(decoded.width) *
                          static_cast<std::size_t>(decoded.channels);
      if (decoded.pixels.size() != wanted) throw std::runtime_error(kDamaged);
      return decoded;
    } else {  // an error, more input than there is, or an end without a picture
      throw std::runtime_error(kDamaged);
    }
  }
}

}  // namespace dagfusion
