#include "nodes/files/hdf5_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr std::size_t kMostEntries = 10'000, kMostDepth = 16;
constexpr std::size_t kReferenceBytes =
    16;  // in place of a value of any length: its length, its heap, its number there
constexpr std::uint64_t kMostLongValue = std::uint64_t{1} << 30;

std::string kind_in_words(H5T_class_t kind) {
  switch (kind) {
    case H5T_COMPOUND:
      return "a compound";
    case H5T_ENUM:
      return "an enumeration";
    case H5T_REFERENCE:
      return "a reference";
    case H5T_OPAQUE:
      return "opaque bytes";
    case H5T_ARRAY:
      return "an array in each place";
    case H5T_BITFIELD:
      return "a bit field";
    case H5T_TIME:
      return "a time";
    default:
      return "of an unknown type";
  }
}

// Only numbers whose bits fill their bytes as processors have them.
std::optional<NumberFormat> number_of(hid_t type, H5T_class_t kind) {
  const std::size_t bytes = H5Tget_size(type);
  NumberFormat format{.bytes = bytes, .big_endian = bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE};
  if (H5Tget_precision(type) != bytes * 8 || H5Tget_offset(type) != 0) return std::nullopt;
  if (bytes > 1 && H5Tget_order(type) != H5T_ORDER_BE && H5Tget_order(type) != H5T_ORDER_LE)
    return std::nullopt;
  const bool width = bytes == 2 || bytes == 4 || bytes == 8;
  if (kind == H5T_FLOAT) {
    std::size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (!width || H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0)
      return std::nullopt;
    if (exponent_bits != (bytes == 2 ? 5U : bytes == 4 ? 8U : 11U)) return std::nullopt;  // bfloat16 has 8
    format.kind = NumberFormat::Kind::real;
    return format;
  }
  if (!width && bytes != 1) return std::nullopt;
  format.kind =
      H5Tget_sign(type) == H5T_SGN_NONE ? NumberFormat::Kind::unsigned_integer : NumberFormat::Kind::integer;
  return format;
}

Hdf5Type type_of(hid_t type) {
  Hdf5Type made;
  const H5T_class_t kind = H5Tget_class(type);
  made.bytes = H5Tget_size(type);
  made.name = kind_in_words(kind);
  if (kind == H5T_ENUM) {  // h5py's truth values, numbers with names
    const Hdf5Id numbers(H5Tget_super(type), H5Tclose);
    if (const auto number = numbers ? number_of(numbers, H5T_INTEGER) : std::nullopt) {
      made.kind = Hdf5Type::Kind::number;
      made.number = *number;
      made.name = fmt::format("an enumeration of {}", name_of(*number));
    }
  }
  if (kind == H5T_INTEGER || kind == H5T_FLOAT) {
    made.name = fmt::format("numbers of {} bytes", made.bytes);
    if (const auto number = number_of(type, kind)) {
      made.kind = Hdf5Type::Kind::number;
      made.number = *number;
      made.name = name_of(*number);
    }
  } else if (kind == H5T_STRING) {
    const bool any_length = H5Tis_variable_str(type) > 0;
    made.kind = any_length ? Hdf5Type::Kind::texts_of_any_length : Hdf5Type::Kind::text;
    if (any_length) made.bytes = kReferenceBytes;
    made.name = any_length ? "texts" : fmt::format("texts of {} bytes", made.bytes);
  } else if (kind == H5T_VLEN) {
    const Hdf5Id item(H5Tget_super(type), H5Tclose);
    made.name = "lists of any length";
    if (item && H5Tget_class(item) == H5T_INTEGER && H5Tget_size(item) == 1) {
      made.kind = Hdf5Type::Kind::bytes_of_any_length;
      made.bytes = kReferenceBytes;
      made.name = "bytes of any length";
    }
  }
  return made;
}

}  // namespace

Hdf5Type hdf5_type_of(hid_t dataset) {
  const Hdf5Id type(H5Dget_type(dataset), H5Tclose);
  return type ? type_of(type) : Hdf5Type{};
}

Shape hdf5_shape_of(hid_t dataset) {
  const Hdf5Id space(H5Dget_space(dataset), H5Sclose);
  const int sides = H5Sget_simple_extent_ndims(space);
  if (sides < 1 || sides > H5S_MAX_RANK) return {};
  std::array<hsize_t, H5S_MAX_RANK> shape{};
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  Shape made;
  for (int i = 0; i < sides; ++i)
    made.push_back(
        static_cast<std::int64_t>(std::min<hsize_t>(shape[i], std::numeric_limits<std::int64_t>::max())));
  return made;
}

std::string to_string(const Hdf5Entry& entry) {
  return fmt::format("'{}' {} {}", entry.name, entry.type.name, to_string(entry.shape));
}

Hdf5File::Hdf5File(const std::filesystem::path& path) : path_(path.string()) {
  std::error_code problem;
  bytes_ = std::filesystem::file_size(path, problem);
  if (problem) fail("cannot be read: " + problem.message());
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  Hdf5Lock lock;
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);  // whole files only, and some file systems cannot lock
  file_ = {H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access), H5Fclose};
  if (!file_) {
    const std::string why = hdf5_complaint();
    const bool is_hdf5 = H5Fis_hdf5(path_.c_str()) > 0;
    ::close(descriptor_);
    if (!is_hdf5) fail("is not an HDF5 file");
    if (why.find("bad version number") != std::string::npos) fail_as_damaged();
    fail(fmt::format("is damaged or cut short (HDF5: {})", why));
  }
  const Hdf5Id creation(H5Fget_create_plist(file_), H5Pclose);
  hsize_t user_block = 0;
  std::size_t address_bytes = 0, length_bytes = 0;
  H5Pget_userblock(creation, &user_block);
  H5Pget_sizes(creation, &address_bytes, &length_bytes);
  base_ = user_block;
  long_addresses_ = address_bytes == 8 && length_bytes == 8;
}

Hdf5File::~Hdf5File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Hdf5File::fail(const std::string& what) const {
  throw std::runtime_error(fmt::format("'{}' {}", path_, what));
}

void Hdf5File::fail_as_damaged() const {
  const std::string why = hdf5_complaint();
  if (why.find("bad version number") != std::string::npos)
    fail(
        fmt::format("was written by a newer HDF5 than this program reads ({}); h5py writes for this one with "
                    "File(name, 'w', libver=('earliest', 'v110'))",
                    why));
  fail(fmt::format("is damaged (HDF5: {})", why));
}

std::optional<Hdf5Id> Hdf5File::find(const std::string& name) const {
  // Every link on the way must be a hard one; the library would follow the others, out of the file.
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string part = name.substr(0, end);
    const htri_t exists = H5Lexists(file_, part.c_str(), H5P_DEFAULT);
    if (exists < 0) fail_as_damaged();
    if (exists == 0) return std::nullopt;
    H5L_info_t link;
    if (H5Lget_info(file_, part.c_str(), &link, H5P_DEFAULT) < 0) fail_as_damaged();
    if (link.type != H5L_TYPE_HARD)
      fail(fmt::format("has a link to elsewhere in place of '{}', which is refused", part));
    if (end == std::string::npos) break;
  }
  H5O_info_t object;
  if (H5Oget_info_by_name2(file_, name.c_str(), &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0) fail_as_damaged();
  if (object.type != H5O_TYPE_DATASET)
    fail(fmt::format("has something that is not a dataset in place of '{}'", name));
  Hdf5Id dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) fail_as_damaged();
  const Hdf5Id creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!creation) fail_as_damaged();
  if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
    fail(fmt::format("keeps the data of '{}' in other files, which is refused", name));
  return dataset;
}

std::vector<Hdf5Entry> Hdf5File::datasets() const {
  Hdf5Lock lock;
  std::vector<Hdf5Entry> found;
  std::vector<std::string> groups = {""};
  const auto take = [](hid_t, const char* name, const H5L_info_t* link, void* names) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(names);
    if (link->type == H5L_TYPE_HARD) list.emplace_back(name);
    return list.size() < kMostEntries ? 0 : 1;
  };
  for (std::size_t g = 0; g < groups.size() && groups.size() < kMostEntries; ++g) {
    const std::string group = groups[g];
    if (static_cast<std::size_t>(std::count(group.begin(), group.end(), '/')) > kMostDepth) continue;
    std::vector<std::string> names;
    if (H5Literate_by_name(file_, group.empty() ? "/" : group.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
                           take, &names, H5P_DEFAULT) < 0)
      fail_as_damaged();
    for (const std::string& name : names) {
      const std::string path = group + "/" + name;
      H5O_info_t object;
      if (H5Oget_info_by_name2(file_, path.c_str(), &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        fail_as_damaged();
      if (object.type == H5O_TYPE_GROUP) groups.push_back(path);
      if (object.type != H5O_TYPE_DATASET || found.size() >= kMostEntries) continue;
      const Hdf5Id dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
      if (!dataset) fail_as_damaged();
      found.push_back({path, hdf5_type_of(dataset), hdf5_shape_of(dataset)});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Hdf5Entry& a, const Hdf5Entry& b) { return a.name < b.name; });
  return found;
}

std::optional<std::int64_t> Hdf5File::whole_number(const char* name) const {
  const htri_t exists = H5Aexists(file_, name);
  if (exists < 0) fail_as_damaged();
  if (exists == 0) return std::nullopt;
  const Hdf5Id attribute(H5Aopen(file_, name, H5P_DEFAULT), H5Aclose);
  const Hdf5Id space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  std::int64_t value = 0;
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != H5T_INTEGER ||
      H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
    return std::nullopt;
  return value;
}

void Hdf5File::read(std::uint64_t at, std::span<std::uint8_t> bytes) const {
  if (at > bytes_ || bytes.size() > bytes_ - at) fail("is cut short");
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      fail(fmt::format("cannot be read: {}", got < 0 ? std::strerror(errno) : "it became shorter"));
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    at += static_cast<std::uint64_t>(got);
  }
}

// HDF5 File Format Specification, section III.E: global heap.
std::vector<std::uint8_t> Hdf5File::long_value(std::span<const std::uint8_t> reference,
                                               std::size_t item_bytes) const {
  const auto little = [](std::span<const std::uint8_t> bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
    return value;
  };
  const std::uint64_t length = little(reference.first(4)) * item_bytes,
                      address = little(reference.subspan(4, 8)), index = little(reference.subspan(12, 4));
  if (!long_addresses_)
    fail("has values of any length and addresses that are not 8 bytes long, which are not read");
  constexpr std::uint64_t kHeadBytes = 16;  // of a heap, and of each object in it
  if (length == 0) return {};
  if (length > kMostLongValue || address > bytes_ - base_)
    fail("is damaged: a value of any length lies outside of it");
  std::array<std::uint8_t, kHeadBytes> head;
  read(base_ + address, head);
  if (std::memcmp(head.data(), "GCOL\1", 5) != 0) fail("is damaged: a value of any length has no heap");
  const std::uint64_t heap = little(std::span(head).subspan(8, 8));
  for (std::uint64_t at = kHeadBytes; at + kHeadBytes <= heap;) {
    read(base_ + address + at, head);
    const std::uint64_t number = little(std::span(head).first(2)),
                        bytes = little(std::span(head).subspan(8, 8));
    if (number == 0) break;  // free space, to the end
    if (bytes > heap - at) break;
    if (number == index) {
      if (length > bytes) break;
      std::vector<std::uint8_t> value(length);
      read(base_ + address + at + kHeadBytes, value);
      return value;
    }
    at += kHeadBytes + (bytes + 7) / 8 * 8;
  }
  fail("is damaged: a value of any length is not in its heap");
}

}  // namespace dagfusion
