#include "nodes/files/hdf5_filters.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "nodes/files/deflate.h"

namespace dagfusion {
namespace {

constexpr std::size_t kSumBytes = 4;  // that fletcher32 puts behind

// LibLZF: a control byte below 32 stands before that many literal bytes and one more;
// a larger one is a length and a distance back.
bool lzf_all(std::span<const std::uint8_t> packed, std::span<std::uint8_t> bytes) {
  std::size_t in = 0, out = 0;
  while (in < packed.size()) {
    const std::size_t control = packed[in++];
    if (control < 32) {
      const std::size_t count = control + 1;
      if (count > packed.size() - in || count > bytes.size() - out) return false;
      std::memcpy(bytes.data() + out, packed.data() + in, count);
      in += count;
      out += count;
      continue;
    }
    std::size_t length = control >> 5;
    if (length == 7) {
      if (in >= packed.size()) return false;
      length += packed[in++];
    }
    length += 2;
    if (in >= packed.size()) return false;
    const std::size_t distance = ((control & 31) << 8 | packed[in++]) + 1;
    if (distance > out || length > bytes.size() - out) return false;
    for (std::size_t i = 0; i < length; ++i, ++out) bytes[out] = bytes[out - distance];  // they may overlap
  }
  return out == bytes.size();
}

// Byte b of item i was put at b * items + i; what is left over stays at the end.
void unshuffle(std::span<const std::uint8_t> from, std::size_t item_bytes, std::span<std::uint8_t> to) {
  const std::size_t items = from.size() / item_bytes;
  for (std::size_t b = 0; b < item_bytes; ++b)
    for (std::size_t i = 0; i < items; ++i) to[i * item_bytes + b] = from[b * items + i];
  std::copy(from.begin() + static_cast<std::ptrdiff_t>(items * item_bytes), from.end(),
            to.begin() + static_cast<std::ptrdiff_t>(items * item_bytes));
}

bool sum_is_right(std::span<const std::uint8_t> bytes) {
  const auto body = bytes.first(bytes.size() - kSumBytes), end = bytes.last(kSumBytes);
  const std::uint32_t sum = fletcher32(body);
  const std::uint32_t written = static_cast<std::uint32_t>(end[0]) | static_cast<std::uint32_t>(end[1]) << 8 |
                                static_cast<std::uint32_t>(end[2]) << 16 |
                                static_cast<std::uint32_t>(end[3]) << 24;
  // HDF5 up to 1.6.2 wrote the bytes of both halves the other way round.
  const std::uint32_t swapped = (sum & 0x00FF00FF) << 8 | (sum >> 8 & 0x00FF00FF);
  return written == sum || written == swapped;
}

}  // namespace

std::uint32_t fletcher32(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum1 = 0, sum2 = 0;
  std::size_t words = bytes.size() / 2;
  const std::uint8_t* at = bytes.data();
  while (words > 0) {
    constexpr std::size_t kWordsThatFit = 360;  // before sum2 could overflow
    std::size_t some = std::min(words, kWordsThatFit);
    words -= some;
    for (; some > 0; --some, at += 2) {
      sum1 += static_cast<std::uint32_t>(at[0]) << 8 | at[1];
      sum2 += sum1;
    }
    sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
    sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  }
  if (bytes.size() % 2 != 0) {
    sum1 += static_cast<std::uint32_t>(*at) << 8;
    sum2 += sum1;
    sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
    sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  }
  sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
  sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  return sum2 << 16 | sum1;
}

Hdf5Filters::Hdf5Filters(std::vector<Hdf5Filter> filters, std::size_t item_bytes, std::size_t chunk_bytes)
    : filters_(std::move(filters)), item_bytes_(item_bytes), chunk_bytes_(chunk_bytes) {}

bool Hdf5Filters::has(Hdf5Filter filter) const {
  return std::find(filters_.begin(), filters_.end(), filter) != filters_.end();
}

std::size_t Hdf5Filters::most_stored_bytes() const {
  const std::size_t sums = kSumBytes * static_cast<std::size_t>(std::count(filters_.begin(), filters_.end(),
                                                                           Hdf5Filter::fletcher32));
  return filters_.empty() ? chunk_bytes_ : compressBound(static_cast<uLong>(chunk_bytes_ + sums)) + 64 + sums;
}

std::size_t Hdf5Filters::room_bytes() const {
  return filters_.size() > 1 ? chunk_bytes_ + kSumBytes * filters_.size() : 0;
}

const char* Hdf5Filters::undo(std::span<std::uint8_t> stored, std::uint32_t skipped,
                              std::span<std::uint8_t> chunk, std::span<std::uint8_t> between) const {
  std::span<std::uint8_t> now = stored;  // what the filters undone so far have left
  for (std::size_t f = filters_.size(); f-- > 0;) {
    if ((skipped >> f & 1) != 0) continue;
    if (filters_[f] == Hdf5Filter::fletcher32) {
      if (now.size() < kSumBytes || !sum_is_right(now)) return "its checksum (fletcher32) is wrong";
      now = now.first(now.size() - kSumBytes);
      continue;
    }
    // Sums that stand before this filter are still behind the bytes that it gives.
    std::size_t bytes = chunk_bytes_;
    for (std::size_t before = 0; before < f; ++before)
      if (filters_[before] == Hdf5Filter::fletcher32 && (skipped >> before & 1) == 0) bytes += kSumBytes;
    // To the other of two places, the last time to the chunk itself if its size allows.
    const bool in_chunk = now.data() == chunk.data();
    const std::span<std::uint8_t> place = in_chunk || bytes != chunk.size() ? between : chunk;
    const bool taken = place.data() == now.data();
    std::span<std::uint8_t> to = taken ? stored : place;
    if (to.size() < bytes)
      return "it cannot be decompressed";  // deflated twice around a sum: nobody does that
    to = to.first(bytes);
    const bool done = filters_[f] == Hdf5Filter::deflate ? inflate_all(now, to)
                      : filters_[f] == Hdf5Filter::lzf   ? lzf_all(now, to)
                                                         : now.size() == to.size();
    if (!done) return "it cannot be decompressed";
    if (filters_[f] == Hdf5Filter::shuffle) unshuffle(now, item_bytes_, to);
    now = to;
  }
  if (now.size() != chunk.size()) return "it cannot be decompressed";
  if (now.data() != chunk.data()) std::copy(now.begin(), now.end(), chunk.begin());
  return nullptr;
}

}  // namespace dagfusion
