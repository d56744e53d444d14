// HEIC, by libheif: ISO/IEC 23008-12. The main picture, turned as the file says.
#include <libheif/heif.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

template <auto kRelease>
struct Releases {
  template <class T>
  void operator()(T* object) const {
    kRelease(object);
  }
};

void expect(const heif_error& error) {
  if (error.code == heif_error_Ok) return;
  if (error.code == heif_error_Unsupported_filetype || error.code == heif_error_Unsupported_feature)
    throw std::runtime_error("is a HEIF file of a kind that libheif does not read here");
  throw std::runtime_error(kDamaged);
}

// Brands of files that are films of pictures.
bool is_animated(std::span<const std::uint8_t> file) {
  constexpr std::size_t kBrand = 8;
  const std::string_view brand(reinterpret_cast<const char*>(file.data()) + kBrand, 4);
  return brand == "msf1" || brand == "hevc";
}

void take_profile(const heif_image_handle* handle, Decoded& decoded) {
  const heif_color_profile_type type = heif_image_handle_get_color_profile_type(handle);
  if (type != heif_color_profile_type_rICC && type != heif_color_profile_type_prof) return;
  decoded.profile.resize(heif_image_handle_get_raw_color_profile_size(handle));
  if (heif_image_handle_get_raw_color_profile(handle, decoded.profile.data()).code != heif_error_Ok)
    decoded.profile.clear();
}

}  // namespace

Decoded decode_heif(std::span<const std::uint8_t> file) {
  const std::unique_ptr<heif_context, Releases<heif_context_free>> context(heif_context_alloc());
  if (!context) throw std::bad_alloc();
  heif_context_set_max_decoding_threads(context.get(), 0);  // in this thread
  expect(heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr));
  heif_image_handle* main = nullptr;
  expect(heif_context_get_primary_image_handle(context.get(), &main));
  const std::unique_ptr<heif_image_handle, Releases<heif_image_handle_release>> handle(main);
  refuse_too_large(heif_image_handle_get_height(main), heif_image_handle_get_width(main));

  const bool alpha = heif_image_handle_has_alpha_channel(main) != 0;
  heif_image* made = nullptr;
  expect(heif_decode_image(main, &made, heif_colorspace_RGB,
                           alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, nullptr));
  const std::unique_ptr<heif_image, Releases<heif_image_release>> image(made);
  Decoded decoded{.height = heif_image_get_height(made, heif_channel_interleaved),
                  .width = heif_image_get_width(made, heif_channel_interleaved),
                  .channels = alpha ? 4 : 3};
  if (decoded.height < 1 || decoded.width < 1) throw std::runtime_error(kDamaged);
  refuse_too_large(decoded.height, decoded.width);
  int stride = 0;
  const std::uint8_t* rows = heif_image_get_plane_readonly(made, heif_channel_interleaved, &stride);
  const auto row = static_cast<std::size_t>(decoded.width) * static_cast<std::size_t>(decoded.channels);
  if (!rows || stride < 0 || static_cast<std::size_t>(stride) < row) throw std::runtime_error(kDamaged);
  decoded.pixels.resize(row * static_cast<std::size_t>(decoded.height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(decoded.height); ++y)
    std::memcpy(decoded.pixels.data() + y * row, rows + y * static_cast<std::size_t>(stride), row);
  if (alpha && heif_image_is_premultiplied_alpha(made) != 0) divide_by_alpha(decoded);
  take_profile(main, decoded);
  if (is_animated(file)) decoded.more = More::frames;
  return decoded;
}

}  // namespace dagfusion
