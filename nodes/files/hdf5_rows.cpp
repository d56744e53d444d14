#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "graph/values/alignment.h"
#include "nodes/files/grid_walk.h"
#include "nodes/files/hdf5_file.h"
#include "nodes/files/slab_cache.h"

namespace dagfusion {

namespace {

constexpr std::uint64_t kMostRowBytes = std::uint64_t{1} << 36, kMostChunkBytes = std::uint64_t{1} << 31;
constexpr std::uint64_t kMostSmallBytes = std::uint64_t{1} << 31;  // of what is read at once
constexpr std::uint64_t kMostBeyond = 65536;    // of a chunk's side over that of its dataset
constexpr std::uint64_t kLeastStoredBytes = 8;  // zlib makes no less of any chunk
constexpr std::size_t kRoomAlignment = 16;      // of the parts of what read() works in

// Nothing when it is more than `most`.
std::optional<std::uint64_t> product(std::span<const std::int64_t> sides, std::uint64_t start,
                                     std::uint64_t most) {
  std::uint64_t all = start;
  for (const std::int64_t side : sides)
    if (side < 0 || __builtin_mul_overflow(all, static_cast<std::uint64_t>(side), &all) || all > most)
      return std::nullopt;
  return all;
}

}  // namespace

Hdf5Rows::Hdf5Rows(std::shared_ptr<const Hdf5File> file, const std::string& name, std::size_t cache_bytes,
                   Holds holds)
    : file_(std::move(file)), name_(name), holds_(holds) {
  std::optional<Hdf5Dataset> dataset = file_->find(name);
  if (!dataset) file_->fail(fmt::format("has no dataset '{}'", name));
  if (holds == Holds::one_row) {
    dataset->shape.insert(dataset->shape.begin(), 1);
    if (!dataset->chunk.empty()) dataset->chunk.insert(dataset->chunk.begin(), 1);
  }
  take_type_and_shape(*dataset);
  take_storage(std::move(*dataset));
  if (storage_ != Storage::chunked) return;
  const std::size_t slab = row_bytes_ * static_cast<std::size_t>(rows_in_chunk_);
  if (rows_in_chunk_ > 1 && slab > cache_bytes)
    file_->fail(fmt::format("keeps {} of '{}' in one chunk of {} MB, more than 'cache_mb' allows",
                            rows_in_chunk_, name_, slab >> 20));
  if (rows_in_chunk_ > 1) cache_ = std::make_unique<SlabCache>(cache_bytes / slab);
}

std::size_t Hdf5Rows::cache_bytes() const {
  const std::size_t slab = row_bytes_ * static_cast<std::size_t>(rows_in_chunk_);
  const auto slabs = static_cast<std::size_t>((count() + rows_in_chunk_ - 1) / rows_in_chunk_);
  return cache_ ? slab * std::min(cache_->most(), slabs) : 0;
}

Hdf5Rows::~Hdf5Rows() = default;
Hdf5Rows::Hdf5Rows(Hdf5Rows&&) noexcept = default;

void Hdf5Rows::take_type_and_shape(const Hdf5Dataset& dataset) {
  type_ = dataset.type;
  shape_ = dataset.shape;
  const std::string is = fmt::format("has '{}' {}", name_, to_string(shape_));
  if (shape_.empty()) file_->fail(fmt::format("has '{}', a single value and no list", name_));
  if (shape_[0] < 1) file_->fail(is + ", which is none");
  if (type_.kind == Hdf5Type::Kind::other)
    file_->fail(fmt::format("has '{}' of a type that is not read: {}", name_, type_.name));
  const auto row = product(std::span(shape_).subspan(1), type_.bytes, kMostRowBytes);
  if (!row || *row == 0) file_->fail(fmt::format("{}, each of which would be too large or nothing", is));
  row_bytes_ = *row;
}

void Hdf5Rows::take_storage(Hdf5Dataset dataset) {
  storage_ = dataset.storage;
  if (storage_ == Storage::chunked) return take_chunks(dataset);
  const auto whole = product(shape_, type_.bytes, std::numeric_limits<std::int64_t>::max());
  // What is not compressed cannot be longer than the file.
  if (!whole || *whole > file_->bytes()) refuse_too_many();
  begin_ = dataset.begin;
  compact_ = std::move(dataset.compact);
  if (storage_ == Storage::compact && compact_.size() != *whole)
    file_->fail(fmt::format("is damaged: '{}' has {} bytes, not {}", name_, compact_.size(), *whole));
  if (begin_ && (*begin_ > file_->bytes() || *whole > file_->bytes() - *begin_))
    file_->fail(fmt::format("is cut short: '{}' {} reaches beyond its end", name_, to_string(shape_)));
}

void Hdf5Rows::take_chunks(const Hdf5Dataset& dataset) {
  const auto fail = [&](std::size_t side) {
    file_->fail(fmt::format("has '{}' in chunks of {}, too large for {} rows", name_, side, shape_[0]));
  };
  chunk_.assign(dataset.chunk.begin(), dataset.chunk.end());
  if (chunk_.size() != shape_.size()) fail(0);
  chunk_bytes_ = type_.bytes;
  for (std::size_t i = 0; i < chunk_.size(); ++i) {
    const bool endless = chunk_[i] >= static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    if (chunk_[i] == 0 || __builtin_mul_overflow(chunk_bytes_, chunk_[i], &chunk_bytes_) ||
        chunk_bytes_ > kMostChunkBytes || chunk_[i] > static_cast<std::size_t>(shape_[i]) + kMostBeyond)
      fail(endless ? chunk_[i] : chunk_[0]);
  }
  if (!dataset.unknown_filter.empty())
    file_->fail(fmt::format("has '{}' with filter {}; read are deflate (gzip), lzf, shuffle and fletcher32",
                            name_, dataset.unknown_filter));
  rows_in_chunk_ = std::min(static_cast<std::int64_t>(chunk_[0]), shape_[0]);
  chunk_is_row_ = chunk_[0] == 1 &&
                  std::equal(chunk_.begin() + 1, chunk_.end(), shape_.begin() + 1,
                             [](std::size_t a, std::int64_t b) { return a == static_cast<std::size_t>(b); });
  filters_ = Hdf5Filters(dataset.filters, type_.bytes, chunk_bytes_);
  take_places(dataset.chunk);
  // Stored bytes, the filters' room, and the chunk where it is not the row itself.
  room_bytes_ = round_up(filters_.most_stored_bytes(), kRoomAlignment) +
                round_up(filters_.room_bytes(), kRoomAlignment) + (chunk_is_row_ ? 0 : chunk_bytes_);
}

// No chunk takes less than a few bytes. What has too many is refused when it is used, so that what it is comes first.
void Hdf5Rows::take_places(const Shape& chunk) {
  const std::size_t most = file_->bytes() / kLeastStoredBytes;
  std::size_t all = 1;
  for (std::size_t i = 0; i < chunk_.size(); ++i) {
    const std::size_t along = (static_cast<std::size_t>(shape_[i]) + chunk_[i] - 1) / chunk_[i];
    if (i > 0) chunks_in_slab_ *= along;  // no overflow: shape_[0] is at least 1, and `all` is bounded
    if (__builtin_mul_overflow(all, along, &all) || all > most) {
      if (i == 0) refuse_too_many();
      return;
    }
  }
  const auto as_stored = [&](const Shape& sides) {
    return Shape(sides.begin() + (holds_ == Holds::one_row ? 1 : 0), sides.end());
  };
  places_ = file_->chunks(name_, as_stored(shape_), as_stored(chunk));
  if (places_.size() != all) file_->fail(fmt::format("is damaged: '{}' has lost chunks", name_));
}

void Hdf5Rows::refuse_too_many() const {
  file_->fail(fmt::format("has '{}' {}, more than a file of {} bytes can hold", name_, to_string(shape_),
                          file_->bytes()));
}

void Hdf5Rows::damaged(std::int64_t row, const std::string& how) const {
  if (holds_ == Holds::one_row) file_->fail(fmt::format("has a damaged image '{}': {}", name_, how));
  file_->fail(fmt::format("has a damaged {} {}: {}", name_ == "/images" ? "image" : "row", row, how));
}

std::vector<std::int64_t> Hdf5Rows::never_written(std::size_t most) const {
  std::vector<std::int64_t> rows;
  if (storage_ == Storage::contiguous && !begin_) rows.push_back(0);
  if (storage_ == Storage::chunked && places_.empty()) refuse_too_many();
  for (std::size_t i = 0; i < places_.size() && rows.size() < most; ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i / chunks_in_slab_) * rows_in_chunk_;
    if (places_[i].begin == Hdf5Chunk::kNeverWritten && (rows.empty() || rows.back() != row))
      rows.push_back(row);
  }
  return rows;
}

void Hdf5Rows::read_chunk(std::int64_t row, const Hdf5Chunk& place, std::span<std::uint8_t> chunk,
                          std::span<std::uint8_t> room) const {
  const std::span<std::uint8_t> stored = room.first(round_up(filters_.most_stored_bytes(), kRoomAlignment));
  if (place.bytes == 0) damaged(row, "nothing is stored for it");
  if (place.bytes > filters_.most_stored_bytes())
    damaged(row, fmt::format("{} bytes are stored for it, {} are possible", place.bytes,
                             filters_.most_stored_bytes()));
  if (place.begin > file_->bytes() || place.bytes > file_->bytes() - place.begin)
    damaged(row, "it lies outside of the file");
  file_->read(place.begin, stored.first(place.bytes));
  if (const char* wrong =
          filters_.undo(stored.first(place.bytes), place.skipped, chunk, room.subspan(stored.size())))
    damaged(row, wrong);
}

// All rows of the chunks that stand side by side: those with number `slab` along the first side.
void Hdf5Rows::read_slab(std::int64_t slab, std::span<std::uint8_t> rows,
                         std::span<std::uint8_t> room) const {
  const std::span<std::uint8_t> chunk = room.last(chunk_bytes_),
                                rest = room.first(room.size() - chunk_bytes_);
  Shape grid;  // chunks along the other sides
  for (std::size_t i = 1; i < shape_.size(); ++i)
    grid.push_back((shape_[i] + static_cast<std::int64_t>(chunk_[i]) - 1) /
                   static_cast<std::int64_t>(chunk_[i]));
  Shape number(grid.size());
  std::size_t place = static_cast<std::size_t>(slab) * chunks_in_slab_;
  do {
    read_chunk(slab * rows_in_chunk_, places_[place++], chunk, rest);
    copy_inside(chunk, number, rows);
  } while (to_next(number, grid));
}

// The part of a chunk that lies inside the dataset, line by line along the last side. `number`: of the chunk, along all
// sides but the first.
void Hdf5Rows::copy_inside(std::span<const std::uint8_t> chunk, const Shape& number,
                           std::span<std::uint8_t> rows) const {
  const Shape chunk_sides(chunk_.begin(), chunk_.end());
  Shape slab = shape_, offset(shape_.size()), lines = shape_;
  slab[0] = lines[0] = static_cast<std::int64_t>(rows.size() / row_bytes_);
  for (std::size_t i = 1; i < shape_.size(); ++i) {
    offset[i] = number[i - 1] * chunk_sides[i];
    lines[i] = std::min(chunk_sides[i], shape_[i] - offset[i]);
  }
  const std::size_t line = type_.bytes * static_cast<std::size_t>(lines.back());
  lines.back() = 1;
  Shape from(shape_.size()), to(shape_.size());
  do {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = offset[i] + from[i];
    std::memcpy(rows.data() + static_cast<std::size_t>(place_in(slab, to)) * type_.bytes,
                chunk.data() + static_cast<std::size_t>(place_in(chunk_sides, from)) * type_.bytes, line);
  } while (to_next(from, lines));
}

void Hdf5Rows::read(std::int64_t row, std::span<std::uint8_t> bytes, std::span<std::uint8_t> room) const {
  if (bytes.size() != row_bytes_ || room.size() < room_bytes_)
    throw std::logic_error("Hdf5Rows: sizes differ");
  room = room.first(room_bytes_);
  const std::size_t begin = static_cast<std::size_t>(row) * row_bytes_;
  switch (storage_) {
    case Storage::compact:
      return static_cast<void>(
          std::copy_n(compact_.begin() + static_cast<std::ptrdiff_t>(begin), row_bytes_, bytes.begin()));
    case Storage::contiguous:
      if (!begin_) damaged(row, "nothing is stored for it");
      return file_->read(*begin_ + begin, bytes);
    case Storage::chunked:
      if (places_.empty()) refuse_too_many();
  }
  if (chunk_is_row_) return read_chunk(row, places_[static_cast<std::size_t>(row)], bytes, room);
  if (!cache_) return read_slab(row, bytes, room);
  const std::int64_t slab = row / rows_in_chunk_;
  const SlabCache::Slab rows = cache_->get(slab, [&] {
    const std::int64_t here = std::min(rows_in_chunk_, count() - slab * rows_in_chunk_);
    auto made = std::make_shared<std::vector<std::uint8_t>>(static_cast<std::size_t>(here) * row_bytes_);
    read_slab(slab, *made, room);
    return SlabCache::Slab(made);
  });
  std::copy_n(rows->begin() + static_cast<std::ptrdiff_t>(
                                  static_cast<std::size_t>(row - slab * rows_in_chunk_) * row_bytes_),
              row_bytes_, bytes.begin());
}

std::vector<std::uint8_t> Hdf5Rows::read_all() const {
  if (whole_bytes() > kMostSmallBytes)
    file_->fail(fmt::format("has '{}' of {} MB, too large to be read at once", name_, whole_bytes() >> 20));
  std::vector<std::uint8_t> all(whole_bytes()), room(room_bytes_);
  for (std::int64_t row = 0; row < count(); ++row)
    read(row, std::span(all).subspan(static_cast<std::size_t>(row) * row_bytes_, row_bytes_), room);
  return all;
}

}  // namespace dagfusion
