#include "nodes/files/pixel_packer.h"

#include <type_traits>

#include "nodes/files/crc32c.h"
#include "nodes/files/deflate.h"

namespace dagfusion {
namespace {

// HDF5's shuffle: first all first bytes, then all second ones, …
void shuffle(std::span<const std::uint8_t> from, std::size_t item_bytes, std::uint8_t* to) {
  const std::size_t items = from.size() / item_bytes;
  for (std::size_t b = 0; b < item_bytes; ++b)
    for (std::size_t i = 0; i < items; ++i) to[b * items + i] = from[i * item_bytes + b];
}

}  // namespace

PixelPacker::PixelPacker(const TensorSpec& images, int deflate)
    : dtype_(images.dtype),
      channels_(images.shape[1]),
      pixels_(images.shape[2] * images.shape[3]),
      item_bytes_(size_of(images.dtype)),
      bytes_(static_cast<std::size_t>(channels_ * pixels_) * item_bytes_),
      deflate_(deflate) {}

std::size_t PixelPacker::most_packed_bytes() const { return most_deflated_bytes(bytes_); }

std::size_t PixelPacker::scratch_bytes() const { return item_bytes_ > 1 ? 2 * bytes_ : bytes_; }

// Planes to pixels, and what goes into mean and deviation.
template <class T>
void PixelPacker::take_pixels(const T* planes, T* pixels, PackedFacts& facts) const {
  for (std::int64_t c = 0; c < channels_; ++c) {
    double sum = 0, square = 0;
    for (std::int64_t p = 0; p < pixels_; ++p) {
      const T value = planes[c * pixels_ + p];
      pixels[p * channels_ + c] = value;
      sum += static_cast<double>(value);
      square += static_cast<double>(value) * static_cast<double>(value);
    }
    facts.sums[static_cast<std::size_t>(c)] = sum;
    facts.squares[static_cast<std::size_t>(c)] = square;
  }
  if constexpr (std::is_same_v<T, float>)
    for (std::int64_t p = 0; p < channels_ * pixels_ && !facts.is_outside; ++p)
      if (!(pixels[p] >= -1 && pixels[p] <= 1)) facts.is_outside = 1, facts.outside = pixels[p];
}

PackedFacts PixelPacker::pack(const void* frame, int number, std::span<std::uint8_t> packed,
                              std::byte* scratch) const {
  PackedFacts facts;
  const std::byte* const planes =
      static_cast<const std::byte*>(frame) + static_cast<std::size_t>(number) * bytes_;
  auto* const pixels = reinterpret_cast<std::uint8_t*>(scratch);
  const auto take = [&]<class T>(T) {
    take_pixels(reinterpret_cast<const T*>(planes), reinterpret_cast<T*>(pixels), facts);
  };
  if (dtype_ == DType::u8) take(std::uint8_t{});
  if (dtype_ == DType::u16) take(std::uint16_t{});
  if (dtype_ == DType::f32) take(float{});

  const std::span<const std::uint8_t> stored(pixels, bytes_);
  facts.crc = crc32c(std::as_bytes(stored));
  const std::uint8_t* plain = pixels;
  if (item_bytes_ > 1) {
    shuffle(stored, item_bytes_, pixels + bytes_);
    plain = pixels + bytes_;
  }
  const std::size_t length = deflate_all({plain, bytes_}, deflate_, packed);
  facts.bytes = static_cast<std::uint32_t>(length);
  facts.packed_crc = crc32c(std::as_bytes(packed.first(length)));
  return facts;
}

}  // namespace dagfusion
