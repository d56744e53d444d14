#include "nodes/files/deflate.h"

#include <libdeflate.h>

#include <array>
#include <memory>
#include <new>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr int kMostLevel = 9;

struct Frees {
  void operator()(libdeflate_compressor* made) const { libdeflate_free_compressor(made); }
  void operator()(libdeflate_decompressor* made) const { libdeflate_free_decompressor(made); }
};

libdeflate_compressor* compressor(int level) {
  thread_local std::array<std::unique_ptr<libdeflate_compressor, Frees>, kMostLevel + 1> kept;
  auto& made = kept.at(static_cast<std::size_t>(level));
  if (!made) made.reset(libdeflate_alloc_compressor(level));
  if (!made) throw std::bad_alloc();
  return made.get();
}

libdeflate_decompressor* decompressor() {
  thread_local const std::unique_ptr<libdeflate_decompressor, Frees> kept(libdeflate_alloc_decompressor());
  if (!kept) throw std::bad_alloc();
  return kept.get();
}

}  // namespace

std::size_t most_deflated_bytes(std::size_t bytes) { return libdeflate_zlib_compress_bound(nullptr, bytes); }

std::size_t deflate_all(std::span<const std::uint8_t> bytes, int level, std::span<std::uint8_t> to) {
  const std::size_t made =
      libdeflate_zlib_compress(compressor(level), bytes.data(), bytes.size(), to.data(), to.size());
  if (made == 0) throw std::logic_error("deflate_all: too little room");
  return made;
}

bool inflate_all(std::span<const std::uint8_t> packed, std::span<std::uint8_t> bytes) {
  std::size_t made = 0, taken = 0;
  return libdeflate_zlib_decompress_ex(decompressor(), packed.data(), packed.size(), bytes.data(),
                                       bytes.size(), &taken, &made) == LIBDEFLATE_SUCCESS &&
         made == bytes.size();
}

}  // namespace dagfusion
