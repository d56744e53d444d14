#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <limits>
#include <list>
#include <mutex>
#include <stdexcept>

#include "nodes/files/hdf5_file.h"

namespace dagfusion {

namespace {

constexpr std::uint64_t kMostRowBytes = std::uint64_t{1} << 36, kMostChunkBytes = std::uint64_t{1} << 31;
constexpr std::uint64_t kMostSmallBytes = std::uint64_t{1} << 31;  // of what is read at once
constexpr std::uint64_t kMostBeyond = 65536;    // of a chunk's side over that of its dataset
constexpr std::uint64_t kLeastStoredBytes = 8;  // zlib makes no less of any chunk

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

// The slabs used last, up to a number; one that is being decoded is waited for.
class Hdf5Rows::Cache {
 public:
  explicit Cache(std::size_t slabs) : most_(std::max<std::size_t>(slabs, 1)) {}

  template <class Make>
  Slab get(std::int64_t number, const Make& make) {
    std::promise<Slab> made;
    std::shared_future<Slab> found;
    {
      const std::lock_guard lock(mutex_);
      const auto held = slabs_.find(number);
      if (held != slabs_.end()) {
        order_.splice(order_.begin(), order_, held->second.place);
        found = held->second.slab;
      } else {
        order_.push_front(number);
        slabs_[number] = {made.get_future().share(), order_.begin()};
        if (order_.size() > most_) {
          slabs_.erase(order_.back());
          order_.pop_back();
        }
      }
    }
    if (found.valid()) return found.get();
    try {
      Slab slab = make();
      made.set_value(slab);
      return slab;
    } catch (...) {
      made.set_exception(std::current_exception());
      const std::lock_guard lock(mutex_);
      if (const auto held = slabs_.find(number); held != slabs_.end()) {
        order_.erase(held->second.place);
        slabs_.erase(held);
      }
      throw;
    }
  }

 private:
  struct Held {
    std::shared_future<Slab> slab;
    std::list<std::int64_t>::iterator place;
  };
  std::size_t most_;
  std::mutex mutex_;
  std::map<std::int64_t, Held> slabs_;
  std::list<std::int64_t> order_;  // the one used last in front
};

Hdf5Rows::Hdf5Rows(std::shared_ptr<const Hdf5File> file, const std::string& name, std::size_t cache_bytes)
    : file_(std::move(file)), name_(name) {
  Hdf5Lock lock;
  std::optional<Hdf5Id> dataset = file_->find(name);
  if (!dataset) file_->fail(fmt::format("has no dataset '{}'", name));
  dataset_ = std::move(*dataset);
  take_type_and_shape();
  take_storage();
  if (storage_ != Storage::chunked) return;
  const std::size_t slab = row_bytes_ * static_cast<std::size_t>(rows_in_chunk_);
  if (rows_in_chunk_ > 1 && slab > cache_bytes)
    file_->fail(fmt::format("keeps {} of '{}' in one chunk of {} MB, more than 'cache_mb' allows",
                            rows_in_chunk_, name_, slab >> 20));
  if (rows_in_chunk_ > 1) cache_ = std::make_unique<Cache>(cache_bytes / slab);
}

Hdf5Rows::~Hdf5Rows() = default;
Hdf5Rows::Hdf5Rows(Hdf5Rows&&) noexcept = default;

void Hdf5Rows::take_type_and_shape() {
  type_ = hdf5_type_of(dataset_);
  shape_ = hdf5_shape_of(dataset_);
  const std::string is = fmt::format("has '{}' {}", name_, to_string(shape_));
  if (shape_.empty()) file_->fail(fmt::format("has '{}', a single value and no list", name_));
  if (shape_[0] == 0) file_->fail(is + ", which is none");
  if (type_.kind == Hdf5Type::Kind::other)
    file_->fail(fmt::format("has '{}' of a type that is not read: {}", name_, type_.name));
  const auto row = product(std::span(shape_).subspan(1), type_.bytes, kMostRowBytes);
  if (!row || *row == 0) file_->fail(fmt::format("{}, each of which would be too large or nothing", is));
  row_bytes_ = *row;
}

void Hdf5Rows::take_storage() {
  const Hdf5Id creation(H5Dget_create_plist(dataset_), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation);
  const auto whole = product(shape_, type_.bytes, std::numeric_limits<std::int64_t>::max());
  if (layout == H5D_CHUNKED) return take_chunks(creation);
  // What is not compressed cannot be longer than the file.
  if (!whole || *whole > file_->bytes())
    file_->fail(fmt::format("has '{}' {}, more than a file of {} bytes can hold", name_, to_string(shape_),
                            file_->bytes()));
  if (layout == H5D_COMPACT) {
    storage_ = Storage::compact;
    constexpr std::uint64_t kMostCompact = 65536;
    compact_.resize(*whole);
    const Hdf5Id type(H5Dget_type(dataset_), H5Tclose);
    if (*whole > kMostCompact || type_.kind != Hdf5Type::Kind::number ||
        H5Dread(dataset_, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, compact_.data()) <
            0)  // its own type: nothing is converted
      file_->fail_as_damaged();
  } else {
    const haddr_t begin = H5Dget_offset(dataset_);
    if (begin == HADDR_UNDEF) return;
    if (begin > file_->bytes() || *whole > file_->bytes() - begin)
      file_->fail(fmt::format("is cut short: '{}' {} reaches beyond its end", name_, to_string(shape_)));
    begin_ = begin;
  }
}

void Hdf5Rows::take_chunks(hid_t creation) {
  storage_ = Storage::chunked;
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const auto sides = static_cast<int>(shape_.size());
  if (H5Pget_chunk(creation, sides, chunk.data()) != sides) file_->fail_as_damaged();
  chunk_.assign(chunk.begin(), chunk.begin() + sides);
  chunk_bytes_ = type_.bytes;
  for (std::size_t i = 0; i < chunk_.size(); ++i)
    if (chunk_[i] == 0 || __builtin_mul_overflow(chunk_bytes_, chunk_[i], &chunk_bytes_) ||
        chunk_bytes_ > kMostChunkBytes || chunk_[i] > static_cast<hsize_t>(shape_[i]) + kMostBeyond)
      file_->fail(fmt::format(
          "has '{}' in chunks of {}, too large for {} rows", name_,
          chunk_[i] > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()) ? chunk_[i] : chunk_[0],
          shape_[0]));
  rows_in_chunk_ = static_cast<std::int64_t>(std::min<hsize_t>(chunk_[0], static_cast<hsize_t>(shape_[0])));
  chunk_is_row_ =
      chunk_[0] == 1 && std::equal(chunk_.begin() + 1, chunk_.end(), shape_.begin() + 1,
                                   [](hsize_t a, std::int64_t b) { return a == static_cast<hsize_t>(b); });
  std::vector<Hdf5Filter> filters;
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr,
                                               name.size() - 1, name.data(), nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32 &&
        filter != static_cast<int>(Hdf5Filter::lzf))
      file_->fail(
          fmt::format("has '{}' with filter {}{}; read are deflate (gzip), lzf, shuffle and fletcher32",
                      name_, filter, name[0] != '\0' ? fmt::format(" ({})", name.data()) : ""));
    filters.push_back(static_cast<Hdf5Filter>(filter));
  }
  filters_ = Hdf5Filters(filters, type_.bytes, chunk_bytes_);
  const std::uint64_t chunks = (static_cast<std::uint64_t>(shape_[0]) + chunk_[0] - 1) / chunk_[0];
  if (chunks > file_->bytes() / kLeastStoredBytes)
    file_->fail(fmt::format("has '{}' {}, more than a file of {} bytes can hold", name_, to_string(shape_),
                            file_->bytes()));
  // Stored bytes, the filters' room, and the chunk where it is not the row itself.
  room_bytes_ = (filters_.most_stored_bytes() + 15) / 16 * 16 + (filters_.room_bytes() + 15) / 16 * 16 +
                (chunk_is_row_ ? 0 : chunk_bytes_);
}

void Hdf5Rows::damaged(std::int64_t row, const std::string& how) const {
  file_->fail(fmt::format("has a damaged {} {}: {}", name_ == "/images" ? "image" : "row", row, how));
}

std::vector<double> Hdf5Rows::attribute(const char* name) const {
  constexpr hssize_t kMost = 16;
  Hdf5Lock lock;
  if (H5Aexists(dataset_, name) <= 0) return {};
  const Hdf5Id attribute(H5Aopen(dataset_, name, H5P_DEFAULT), H5Aclose);
  const Hdf5Id space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 1 || count > kMost || H5Tequal(type, H5T_IEEE_F64LE) <= 0) return {};
  std::vector<double> values(static_cast<std::size_t>(count));
  if (H5Aread(attribute, type, values.data()) < 0) return {};
  return values;
}

std::vector<std::int64_t> Hdf5Rows::never_written(std::size_t most) const {
  std::vector<std::int64_t> rows;
  if (storage_ == Storage::contiguous && !begin_) rows.push_back(0);
  if (storage_ != Storage::chunked) return rows;
  Hdf5Lock lock;
  std::array<hsize_t, H5S_MAX_RANK> offset{};
  for (std::int64_t row = 0; row < count() && rows.size() < most; row += rows_in_chunk_) {
    offset[0] = static_cast<hsize_t>(row);
    hsize_t stored = 0;
    const bool found = H5Dget_chunk_storage_size(dataset_, offset.data(), &stored) >= 0;
    if (found ? stored == 0 : hdf5_complaint() == "chunk storage is not allocated") rows.push_back(row);
  }
  return rows;
}

void Hdf5Rows::read_chunk(std::int64_t row, std::span<const hsize_t> offset, std::span<std::uint8_t> chunk,
                          std::span<std::uint8_t> room) const {
  const std::span<std::uint8_t> stored = room.first((filters_.most_stored_bytes() + 15) / 16 * 16);
  hsize_t bytes = 0;
  std::uint32_t skipped = 0;  // filters that were left out for this chunk, a bit for each
  {
    Hdf5Lock lock;
    if (H5Dget_chunk_storage_size(dataset_, offset.data(), &bytes) < 0 || bytes == 0)
      damaged(row, "nothing is stored for it");
    if (bytes > filters_.most_stored_bytes())
      damaged(row, fmt::format("{} bytes are stored for it, {} are possible", bytes,
                               filters_.most_stored_bytes()));
    if (H5Dread_chunk(dataset_, H5P_DEFAULT, offset.data(), &skipped, stored.data()) < 0)
      damaged(row, fmt::format("HDF5: {}", hdf5_complaint()));
  }
  if (const char* wrong = filters_.undo(stored.first(bytes), skipped, chunk, room.subspan(stored.size())))
    damaged(row, wrong);
}

// All rows of the chunks that stand side by side: those with number `slab` along the first side.
void Hdf5Rows::read_slab(std::int64_t slab, std::span<std::uint8_t> rows,
                         std::span<std::uint8_t> room) const {
  const std::size_t sides = shape_.size();
  const std::span<std::uint8_t> chunk = room.last(chunk_bytes_),
                                rest = room.first(room.size() - chunk_bytes_);
  const std::int64_t first = slab * rows_in_chunk_;
  std::array<hsize_t, H5S_MAX_RANK> offset{};
  offset[0] = static_cast<hsize_t>(first);
  for (;;) {
    read_chunk(first, std::span(offset).first(sides), chunk, rest);
    // The part of the chunk that lies inside the dataset, line by line along the last side.
    std::array<hsize_t, H5S_MAX_RANK> inside{}, at{};
    const auto slab_rows = static_cast<hsize_t>(rows.size() / row_bytes_);
    for (std::size_t i = 0; i < sides; ++i)
      inside[i] = i == 0 ? slab_rows : std::min(chunk_[i], static_cast<hsize_t>(shape_[i]) - offset[i]);
    const std::size_t line = sides == 1 ? type_.bytes * inside[0] : type_.bytes * inside[sides - 1];
    for (bool more = true; more;) {
      std::size_t from = 0, to = 0;
      for (std::size_t i = 0; i < sides; ++i) {
        const bool along = i == sides - 1;
        from = from * chunk_[i] + (along ? 0 : at[i]);
        to = to * (i == 0 ? slab_rows : static_cast<std::size_t>(shape_[i])) +
             (i == 0 ? (along ? 0 : at[i]) : offset[i] + (along ? 0 : at[i]));
      }
      std::memcpy(rows.data() + to * type_.bytes, chunk.data() + from * type_.bytes, line);
      more = false;
      for (std::size_t i = sides - 1; i-- > 0 && !more;) {
        more = ++at[i] < inside[i];
        if (!more) at[i] = 0;
      }
    }
    bool more = false;  // the next chunk of this slab
    for (std::size_t i = sides; i-- > 1 && !more;) {
      offset[i] += chunk_[i];
      more = offset[i] < static_cast<hsize_t>(shape_[i]);
      if (!more) offset[i] = 0;
    }
    if (!more) return;
  }
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
      break;
  }
  if (chunk_is_row_) {
    std::array<hsize_t, H5S_MAX_RANK> offset{};
    offset[0] = static_cast<hsize_t>(row);
    return read_chunk(row, offset, bytes, room);
  }
  if (!cache_) return read_slab(row, bytes, room);
  const std::int64_t slab = row / rows_in_chunk_;
  const Slab rows = cache_->get(slab, [&] {
    const std::int64_t here = std::min(rows_in_chunk_, count() - slab * rows_in_chunk_);
    auto made = std::make_shared<std::vector<std::uint8_t>>(static_cast<std::size_t>(here) * row_bytes_);
    read_slab(slab, *made, room);
    return Slab(made);
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
