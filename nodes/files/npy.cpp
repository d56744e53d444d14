#include "nodes/files/npy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <utility>

#include "nodes/files/crc32c.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_bytes.h"
#include "nodes/files/grid_walk.h"
#include "nodes/files/zip.h"

namespace dagfusion {

namespace {

constexpr std::uint64_t kMostMember = std::uint64_t{16} << 30;
constexpr std::int64_t kSampledRows = 64;

struct Named {
  DType dtype;
  const char* descr;
};
constexpr std::array<Named, 4> kTypes = {
    {{DType::u8, "|u1"}, {DType::u16, "<u2"}, {DType::i32, "<i4"}, {DType::f32, "<f4"}}};

DType dtype_of(const NumberFormat& stored) {
  if (stored.kind == NumberFormat::Kind::real) return DType::f32;
  if (stored.is_byte()) return DType::u8;
  return stored.kind == NumberFormat::Kind::unsigned_integer && stored.bytes == 2 ? DType::u16 : DType::i32;
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& path, const std::string& key)
    : path_(path.string()), key_(key) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    fail("is not a file");
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  try {
    std::array<std::uint8_t, kMostNpyHeader> start;
    std::uint64_t bytes = std::filesystem::file_size(path);
    std::size_t got = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, start.size()));
    if (!read_at(file_, 0, start.data(), got)) throw std::runtime_error("cannot be read");
    if (got >= 4 && std::memcmp(start.data(), "PK\3\4", 4) == 0) {
      open_member(key);
      if (!member_.empty()) {
        bytes = member_.size();
        got = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, start.size()));
        std::memcpy(start.data(), member_.data(), got);
      } else {
        bytes = map_bytes_;  // of the stored member
        map_bytes_ = 0;
        got = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, start.size()));
        if (!read_at(file_, begin_, start.data(), got)) throw std::runtime_error("is cut short");
      }
    } else if (!key.empty()) {
      throw std::runtime_error("is no .npz archive, so that 'key' has nothing to choose from");
    }
    take_header({reinterpret_cast<const char*>(start.data()), got}, bytes);
    if (fortran_ && member_.empty()) {
      map_bytes_ = static_cast<std::size_t>(begin_ + bytes);
      void* map = ::mmap(nullptr, map_bytes_, PROT_READ, MAP_SHARED, file_, 0);
      if (map == MAP_FAILED)
        throw std::runtime_error(fmt::format("cannot be mapped into memory: {}", std::strerror(errno)));
      map_ = static_cast<const std::byte*>(map);
    }
  } catch (const std::runtime_error& error) {
    ::close(file_);
    file_ = -1;
    fail(error.what());
  }
}

NpyFile::NpyFile(NpyFile&& other) noexcept
    : path_(std::move(other.path_)),
      key_(std::move(other.key_)),
      file_(std::exchange(other.file_, -1)),
      begin_(other.begin_),
      data_(other.data_),
      member_(std::move(other.member_)),
      map_(std::exchange(other.map_, nullptr)),
      map_bytes_(other.map_bytes_),
      shape_(std::move(other.shape_)),
      stored_(other.stored_),
      dtype_(other.dtype_),
      fortran_(other.fortran_),
      row_elements_(other.row_elements_) {}

NpyFile::~NpyFile() {
  if (map_) ::munmap(const_cast<std::byte*>(map_), map_bytes_);
  if (file_ >= 0) ::close(file_);
}

void NpyFile::fail(const std::string& what) const {
  throw std::runtime_error(fmt::format("'{}' {}", path_, what));
}

// A stored member is read where it lies, a compressed one is kept in memory.
void NpyFile::open_member(const std::string& key) {
  std::vector<ZipMember> arrays = list_zip(file_, std::filesystem::file_size(path_));
  std::erase_if(arrays, [](const ZipMember& m) { return !m.name.ends_with(".npy"); });
  const auto name = [](const ZipMember& m) { return m.name.substr(0, m.name.size() - 4); };
  std::vector<std::string> names;
  for (const ZipMember& m : arrays) names.push_back(name(m));
  if (arrays.empty()) throw std::runtime_error("is a zip archive without a .npy file");
  if (key.empty() && arrays.size() > 1)
    throw std::runtime_error(fmt::format("holds {} arrays: {}; say which with 'key: {}'", arrays.size(),
                                         fmt::join(names, ", "), names[0]));
  const auto found = std::find(names.begin(), names.end(), key.empty() ? names[0] : key);
  if (found == names.end())
    throw std::runtime_error(fmt::format("has no array '{}'; it has {}", key, fmt::join(names, ", ")));
  const ZipMember& member = arrays[static_cast<std::size_t>(found - names.begin())];
  if (member.method == 0 && !member.encrypted) {
    begin_ = begin_of_zip_member(file_, member);
    map_bytes_ = member.bytes;
    if (member.bytes != member.packed_bytes) throw std::runtime_error("is damaged: its sizes do not fit");
    return;
  }
  try {
    const std::vector<std::uint8_t> bytes = read_zip_member(file_, member, kMostMember);
    const auto all = std::as_bytes(std::span(bytes));
    member_.assign(all.begin(), all.end());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("has an array '{}' that {}", name(member), error.what()));
  }
}

void NpyFile::take_header(std::string_view text, std::uint64_t all_bytes) {
  NpyHeader header = read_npy_header(text);
  fortran_ = header.fortran;
  stored_ = header.stored;
  shape_ = std::move(header.shape);
  data_ = header.bytes;
  dtype_ = dtype_of(stored_);
  std::uint64_t wanted = stored_.bytes;
  for (const std::int64_t side : shape_)
    if (__builtin_mul_overflow(wanted, static_cast<std::uint64_t>(side), &wanted))
      throw std::runtime_error(fmt::format("holds {} bytes, but its shape {} has more than any file",
                                           all_bytes - data_, to_string(shape_)));
  if (all_bytes - data_ != wanted)
    throw std::runtime_error(
        fmt::format("holds {} bytes, but its shape {} has {}", all_bytes - data_, to_string(shape_), wanted));
  row_elements_ = static_cast<std::size_t>(wanted / stored_.bytes / static_cast<std::uint64_t>(rows()));
  fortran_ = fortran_ && shape_.size() > 1;
}

void NpyFile::give_whole_numbers() {
  if (stored_.kind == NumberFormat::Kind::real)
    fail(fmt::format("holds {}, no whole numbers", name_of(stored_)));
  dtype_ = DType::i32;
}

// The numbers of one row as they are stored.
void NpyFile::load(std::int64_t row, std::span<std::byte> numbers) const {
  const std::size_t item = stored_.bytes;
  if (!fortran_) {
    const std::uint64_t at = data_ + static_cast<std::uint64_t>(row) * numbers.size();
    if (!member_.empty()) {
      std::memcpy(numbers.data(), member_.data() + at, numbers.size());
    } else if (!read_at(file_, begin_ + at, numbers.data(), numbers.size())) {
      fail("cannot be read: it became shorter");
    }
    return;
  }
  // The first index moves fastest: element (row, j, k) lies at row + rows * (j + J * k).
  const std::byte* from = (member_.empty() ? map_ + begin_ : member_.data()) + data_;
  Shape strides(shape_.size(), 1);
  for (std::size_t i = 1; i < shape_.size(); ++i) strides[i] = strides[i - 1] * shape_[i - 1];
  std::byte* to = numbers.data();
  for_each_place(row, std::span(shape_).subspan(1), std::span(strides).subspan(1), [&](std::int64_t element) {
    std::memcpy(to, from + static_cast<std::size_t>(element) * item, item);
    to += item;
  });
}

void NpyFile::read(std::int64_t row, std::byte* values, std::span<std::byte> room, bool finite) const {
  const std::span<std::byte> numbers = room.first(room_bytes());
  load(row, numbers);
  if (dtype_ == DType::u8 || dtype_ == DType::u16 ||
      (dtype_ == DType::i32 && stored_.bytes == 4 && stored_.kind == NumberFormat::Kind::integer)) {
    to_own_byte_order(stored_, numbers);
    std::memcpy(values, numbers.data(), numbers.size());
    return;
  }
  if (dtype_ == DType::f32) {
    const std::span<float> floats(reinterpret_cast<float*>(values), row_elements_);
    read_numbers(stored_, numbers, floats);
    if (!finite) return;
    const auto bad = std::find_if(floats.begin(), floats.end(), [](float v) { return !std::isfinite(v); });
    if (bad != floats.end())
      fail(fmt::format("holds {} in row {}; finite: false lets it through", *bad, row));
    return;
  }
  const std::span<std::int32_t> whole(reinterpret_cast<std::int32_t*>(values), row_elements_);
  for (std::size_t i = 0; i < row_elements_; ++i) {
    double value = 0;
    read_numbers(stored_, numbers.subspan(i * stored_.bytes, stored_.bytes), std::span(&value, 1));
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
      fail(fmt::format("holds {:.0f} in row {}, which 32 bits have no room for", value, row));
    whole[i] = static_cast<std::int32_t>(value);
  }
}

void NpyFile::read(std::int64_t row, std::span<double> values, std::span<std::byte> room) const {
  const std::span<std::byte> numbers = room.first(room_bytes());
  load(row, numbers);
  read_numbers(stored_, numbers, values);
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != values.end()) fail(fmt::format("holds {} in row {}", *bad, row));
}

std::uint32_t NpyFile::checksum() const {
  std::vector<std::byte> numbers(room_bytes());
  std::uint32_t sum = 0;
  const std::int64_t every = std::max<std::int64_t>(1, rows() / kSampledRows);
  for (std::int64_t row = 0; row < rows(); row += every) {
    load(row, numbers);
    sum = crc32c(numbers, sum);
  }
  return sum;
}

std::vector<std::string> arrays_of_npz(const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::array<char, 4> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  if (std::memcmp(start.data(), "PK\3\4", start.size()) != 0) return names;
  for (const ZipMember& member : list_zip(path))
    if (member.name.ends_with(".npy")) names.push_back(member.name.substr(0, member.name.size() - 4));
  return names;
}

void write_npy(const std::filesystem::path& path, DType dtype, const Shape& shape,
               std::span<const std::byte> bytes) {
  std::string type;
  for (const Named& t : kTypes)
    if (t.dtype == dtype) type = t.descr;
  if (type.empty()) throw std::logic_error("write_npy: no such dtype");
  std::string text = npy_header(type, shape);
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  replace_file(path, text);
}

}  // namespace dagfusion
