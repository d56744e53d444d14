// What HDF5's filters do to the bytes of a chunk, undone without the library: deflate, shuffle, fletcher32, lzf.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dagfusion {

enum class Hdf5Filter : int { deflate = 1, shuffle = 2, fletcher32 = 3, lzf = 32000 };

// The filters of one dataset, in the order in which they were applied when it was written.
class Hdf5Filters {
 public:
  Hdf5Filters() = default;
  Hdf5Filters(std::vector<Hdf5Filter> filters, std::size_t item_bytes, std::size_t chunk_bytes);

  std::size_t most_stored_bytes() const;  // that one chunk may take in the file
  std::size_t room_bytes() const;         // that undo() works in, besides
  bool has(Hdf5Filter) const;

  // `stored` as it lies in the file to the bytes of the chunk; `skipped`: a bit for each filter that was left out.
  // `stored` is overwritten. Returns what is wrong: "it cannot be decompressed"; null when nothing is.
  const char* undo(std::span<std::uint8_t> stored, std::uint32_t skipped, std::span<std::uint8_t> chunk,
                   std::span<std::uint8_t> room) const;

 private:
  std::vector<Hdf5Filter> filters_;
  std::size_t item_bytes_ = 1, chunk_bytes_ = 0;
};

// As HDF5 computes it, over 16-bit words with the high byte first.
std::uint32_t fletcher32(std::span<const std::uint8_t> bytes);

}  // namespace dagfusion
