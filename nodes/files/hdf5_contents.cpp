#include "nodes/files/hdf5_contents.h"

#include <fmt/format.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "nodes/files/confined.h"
#include "nodes/files/hdf5_driver.h"

namespace dagfusion {
namespace {

constexpr std::size_t kMostEntries = 10'000, kMostDepth = 16;
// In place of a value of any length: its length, its heap, its number there.
constexpr std::size_t kReferenceBytes = 16;
constexpr std::uint64_t kMostCompact = 65536;

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

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

[[noreturn]] void fail_as_damaged(const std::string& why = hdf5_complaint()) {
  if (why.find("bad version number") != std::string::npos)
    fail(
        fmt::format("was written by a newer HDF5 than this program reads ({}); h5py writes for this one with "
                    "File(name, 'w', libver=('earliest', 'v110'))",
                    why));
  fail(fmt::format("is damaged (HDF5: {})", why));
}

// The signature stands at the start, or behind a block of 512, 1024, 2048, … bytes.
bool has_signature(int file) {
  constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
  std::array<std::uint8_t, 8> found{};
  for (off_t at = 0; ::pread(file, found.data(), found.size(), at) == static_cast<ssize_t>(found.size());
       at = at == 0 ? 512 : at * 2)
    if (found == kSignature) return true;
  return false;
}

Hdf5Id opened(int descriptor) {
  std::string why;
  Hdf5Id file = open_hdf5(descriptor, why);
  if (file) return file;
  if (!has_signature(descriptor)) fail("is not an HDF5 file");
  if (why.find("bad version number") != std::string::npos) fail_as_damaged(why);
  fail(fmt::format("is damaged or cut short (HDF5: {})", why));
}

Hdf5Type type_of_dataset(hid_t dataset) {
  const Hdf5Id type(H5Dget_type(dataset), H5Tclose);
  return type ? type_of(type) : Hdf5Type{};
}

Shape shape_of_dataset(hid_t dataset) {
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

std::optional<Hdf5Id> found(hid_t file, const std::string& name) {
  // Every link on the way must be a hard one; the library would follow the others, out of the file.
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string part = name.substr(0, end);
    const htri_t exists = H5Lexists(file, part.c_str(), H5P_DEFAULT);
    if (exists < 0) fail_as_damaged();
    if (exists == 0) return std::nullopt;
    H5L_info_t link;
    if (H5Lget_info(file, part.c_str(), &link, H5P_DEFAULT) < 0) fail_as_damaged();
    if (link.type != H5L_TYPE_HARD)
      fail(fmt::format("has a link to elsewhere in place of '{}', which is refused", part));
    if (end == std::string::npos) break;
  }
  H5O_info_t object;
  if (H5Oget_info_by_name2(file, name.c_str(), &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0) fail_as_damaged();
  if (object.type != H5O_TYPE_DATASET)
    fail(fmt::format("has something that is not a dataset in place of '{}'", name));
  Hdf5Id dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) fail_as_damaged();
  const Hdf5Id creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!creation) fail_as_damaged();
  if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
    fail(fmt::format("keeps the data of '{}' in other files, which is refused", name));
  return dataset;
}

std::vector<Hdf5Entry> all_datasets(hid_t file) {
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
    if (H5Literate_by_name(file, group.empty() ? "/" : group.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
                           take, &names, H5P_DEFAULT) < 0)
      fail_as_damaged();
    for (const std::string& name : names) {
      const std::string path = group + "/" + name;
      H5O_info_t object;
      if (H5Oget_info_by_name2(file, path.c_str(), &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        fail_as_damaged();
      if (object.type == H5O_TYPE_GROUP) groups.push_back(path);
      if (object.type != H5O_TYPE_DATASET || found.size() >= kMostEntries) continue;
      const Hdf5Id dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
      if (!dataset) fail_as_damaged();
      found.push_back({path, type_of_dataset(dataset), shape_of_dataset(dataset)});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Hdf5Entry& a, const Hdf5Entry& b) { return a.name < b.name; });
  return found;
}

std::optional<std::int64_t> whole_number(hid_t file, const char* name) {
  const htri_t exists = H5Aexists(file, name);
  if (exists < 0) fail_as_damaged();
  if (exists == 0) return std::nullopt;
  const Hdf5Id attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose);
  const Hdf5Id space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  std::int64_t value = 0;
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != H5T_INTEGER ||
      H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
    return std::nullopt;
  return value;
}

std::vector<double> reals(hid_t dataset, const char* name) {
  constexpr hssize_t kMost = 16;
  if (H5Aexists(dataset, name) <= 0) return {};
  const Hdf5Id attribute(H5Aopen(dataset, name, H5P_DEFAULT), H5Aclose);
  const Hdf5Id space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 1 || count > kMost || H5Tequal(type, H5T_IEEE_F64LE) <= 0) return {};
  std::vector<double> values(static_cast<std::size_t>(count));
  if (H5Aread(attribute, type, values.data()) < 0) return {};
  return values;
}

void take_chunking(hid_t creation, Hdf5Dataset& made) {
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const auto sides = static_cast<int>(made.shape.size());
  made.storage = Hdf5Dataset::Storage::chunked;
  if (H5Pget_chunk(creation, sides, chunk.data()) != sides) fail_as_damaged();
  for (int i = 0; i < sides; ++i)
    made.chunk.push_back(
        static_cast<std::int64_t>(std::min<hsize_t>(chunk[i], std::numeric_limits<std::int64_t>::max())));
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr,
                                               name.size() - 1, name.data(), nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32 &&
        filter != static_cast<int>(Hdf5Filter::lzf)) {
      made.unknown_filter =
          fmt::format("{}{}", filter, name[0] != '\0' ? fmt::format(" ({})", name.data()) : "");
      return;
    }
    made.filters.push_back(static_cast<Hdf5Filter>(filter));
  }
}

Hdf5Dataset described(hid_t dataset) {
  Hdf5Dataset made{.type = type_of_dataset(dataset), .shape = shape_of_dataset(dataset)};
  if (made.shape.empty() || made.type.kind == Hdf5Type::Kind::other) return made;
  const Hdf5Id creation(H5Dget_create_plist(dataset), H5Pclose);
  switch (H5Pget_layout(creation)) {
    case H5D_CHUNKED:
      take_chunking(creation, made);
      break;
    case H5D_COMPACT: {
      made.storage = Hdf5Dataset::Storage::compact;
      std::uint64_t bytes = made.type.bytes;
      for (const std::int64_t side : made.shape)
        if (side < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(side), &bytes) ||
            bytes > kMostCompact)
          fail_as_damaged();
      made.compact.resize(bytes);
      const Hdf5Id type(H5Dget_type(dataset), H5Tclose);  // its own: nothing is converted
      if (made.type.kind != Hdf5Type::Kind::number ||
          H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, made.compact.data()) < 0)
        fail_as_damaged();
      break;
    }
    default:
      if (const haddr_t begin = H5Dget_offset(dataset); begin != HADDR_UNDEF) made.begin = begin;
  }
  return made;
}

Hdf5Chunk place_of(hid_t dataset, const hsize_t* offset) {
  hsize_t bytes = 0;
  if (H5Dget_chunk_storage_size(dataset, offset, &bytes) < 0) {
    const bool absent = hdf5_complaint() == "chunk storage is not allocated";
    return {.begin = absent ? Hdf5Chunk::kNeverWritten : Hdf5Chunk::kLost};
  }
  if (bytes == 0) return {};
  Hdf5Chunk made{.begin = Hdf5Chunk::kLost,
                 .bytes = static_cast<std::uint32_t>(
                     std::min<hsize_t>(bytes, std::numeric_limits<std::uint32_t>::max()))};
  const OnlyPlaces only;
  std::uint8_t nothing = 0;
  if (H5Dread_chunk(dataset, H5P_DEFAULT, offset, &made.skipped, &nothing) < 0) return made;
  const Hdf5Place place = only.last();
  if (place.bytes == bytes) made.begin = place.begin;
  return made;
}

std::vector<Hdf5Chunk> places(hid_t dataset, const Shape& shape, const Shape& chunk) {
  std::vector<Hdf5Chunk> made;
  std::array<hsize_t, H5S_MAX_RANK> offset{};
  for (;;) {
    made.push_back(place_of(dataset, offset.data()));
    std::size_t side = shape.size();
    while (side-- > 0) {
      offset[side] += static_cast<hsize_t>(chunk[side]);
      if (offset[side] < static_cast<hsize_t>(shape[side])) break;
      offset[side] = 0;
      if (side == 0) return made;
    }
  }
}

// --- questions and answers, through confined() -------------------------------------------------------------------------

void put_type(std::string& head, const Hdf5Type& type) {
  put(head, type.kind);
  put(head, type.bytes);
  put(head, type.number);
  put_text(head, type.name);
}
Hdf5Type taken_type(TakenFrom& head) {
  Hdf5Type type;
  type.kind = head.value<Hdf5Type::Kind>();
  type.bytes = head.value<std::size_t>();
  type.number = head.value<NumberFormat>();
  type.name = head.text();
  return type;
}

template <class T>
void put_list(std::string& head, const std::vector<T>& list) {
  put(head, list.size());
  for (const T& value : list) put(head, value);
}
template <class T>
std::vector<T> taken_list(TakenFrom& head) {
  std::vector<T> list;
  for (auto count = head.value<std::size_t>(); count > 0; --count) list.push_back(head.value<T>());
  return list;
}

ConfinedAnswer answer_facts(const Confined& asked) {
  Hdf5Lock lock;
  const Hdf5Id file = opened(asked.file);
  const Hdf5Id creation(H5Fget_create_plist(file), H5Pclose);
  hsize_t user_block = 0;
  std::size_t address_bytes = 0, length_bytes = 0;
  H5Pget_userblock(creation, &user_block);
  H5Pget_sizes(creation, &address_bytes, &length_bytes);
  ConfinedAnswer answer;
  put(answer.head, Hdf5Facts{user_block, address_bytes == 8 && length_bytes == 8});
  return answer;
}

ConfinedAnswer answer_datasets(const Confined& asked) {
  Hdf5Lock lock;
  const std::vector<Hdf5Entry> entries = all_datasets(opened(asked.file));
  ConfinedAnswer answer;
  put(answer.head, entries.size());
  for (const Hdf5Entry& entry : entries) {
    put_text(answer.head, entry.name);
    put_type(answer.head, entry.type);
    put_list(answer.head, entry.shape);
  }
  return answer;
}

ConfinedAnswer answer_dataset(const Confined& asked) {
  Hdf5Lock lock;
  const Hdf5Id file = opened(asked.file);
  const std::optional<Hdf5Id> dataset = found(file, asked.head);
  ConfinedAnswer answer;
  put(answer.head, dataset.has_value());
  if (!dataset) return answer;
  Hdf5Dataset made = described(*dataset);
  put_type(answer.head, made.type);
  put_list(answer.head, made.shape);
  put(answer.head, made.storage);
  put(answer.head, made.begin.value_or(HADDR_UNDEF));
  put_list(answer.head, made.chunk);
  put_list(answer.head, made.filters);
  put_text(answer.head, made.unknown_filter);
  answer.body = std::move(made.compact);
  return answer;
}

ConfinedAnswer answer_chunks(const Confined& asked) {
  Hdf5Lock lock;
  TakenFrom head(asked.head);
  const std::string name = head.text();
  const auto shape = taken_list<std::int64_t>(head), chunk = taken_list<std::int64_t>(head);
  const Hdf5Id file = opened(asked.file);
  const std::optional<Hdf5Id> dataset = found(file, name);
  if (!dataset) fail("changes while it is read");
  const std::vector<Hdf5Chunk> chunks = places(*dataset, shape, chunk);
  ConfinedAnswer answer;
  answer.body.resize(chunks.size() * sizeof(Hdf5Chunk));
  std::memcpy(answer.body.data(), chunks.data(), answer.body.size());
  return answer;
}

ConfinedAnswer answer_whole_number(const Confined& asked) {
  Hdf5Lock lock;
  const std::optional<std::int64_t> value = whole_number(opened(asked.file), asked.head.c_str());
  ConfinedAnswer answer;
  put(answer.head, value.has_value());
  put(answer.head, value.value_or(0));
  return answer;
}

ConfinedAnswer answer_reals(const Confined& asked) {
  Hdf5Lock lock;
  TakenFrom head(asked.head);
  const std::string name = head.text(), attribute = head.text();
  const Hdf5Id file = opened(asked.file);
  const std::optional<Hdf5Id> dataset = found(file, name);
  ConfinedAnswer answer;
  put_list(answer.head, dataset ? reals(*dataset, attribute.c_str()) : std::vector<double>{});
  return answer;
}

}  // namespace

Hdf5Facts hdf5_facts(int file) {
  return TakenFrom(confined(answer_facts, {{}, {}, file}).head).value<Hdf5Facts>();
}

std::vector<Hdf5Entry> hdf5_datasets(int file) {
  const ConfinedAnswer answer = confined(answer_datasets, {{}, {}, file});
  TakenFrom head(answer.head);
  std::vector<Hdf5Entry> entries;
  for (auto count = head.value<std::size_t>(); count > 0; --count) {
    std::string name = head.text();
    Hdf5Type type = taken_type(head);
    entries.push_back({std::move(name), std::move(type), taken_list<std::int64_t>(head)});
  }
  return entries;
}

std::optional<Hdf5Dataset> hdf5_dataset(int file, const std::string& name) {
  ConfinedAnswer answer = confined(answer_dataset, {name, {}, file});
  TakenFrom head(answer.head);
  if (!head.value<bool>()) return std::nullopt;
  Hdf5Dataset made;
  made.type = taken_type(head);
  made.shape = taken_list<std::int64_t>(head);
  made.storage = head.value<Hdf5Dataset::Storage>();
  if (const auto begin = head.value<std::uint64_t>(); begin != HADDR_UNDEF) made.begin = begin;
  made.chunk = taken_list<std::int64_t>(head);
  made.filters = taken_list<Hdf5Filter>(head);
  made.unknown_filter = head.text();
  made.compact = std::move(answer.body);
  return made;
}

std::vector<Hdf5Chunk> hdf5_chunks(int file, const std::string& name, const Shape& shape,
                                   const Shape& chunk) {
  std::string asked;
  put_text(asked, name);
  put_list(asked, shape);
  put_list(asked, chunk);
  const ConfinedAnswer answer = confined(answer_chunks, {asked, {}, file});
  std::vector<Hdf5Chunk> chunks(answer.body.size() / sizeof(Hdf5Chunk));
  std::memcpy(chunks.data(), answer.body.data(), chunks.size() * sizeof(Hdf5Chunk));
  return chunks;
}

std::optional<std::int64_t> hdf5_whole_number(int file, const std::string& attribute) {
  const ConfinedAnswer answer = confined(answer_whole_number, {attribute, {}, file});
  TakenFrom head(answer.head);
  if (!head.value<bool>()) return std::nullopt;
  return head.value<std::int64_t>();
}

std::vector<double> hdf5_reals(int file, const std::string& dataset, const std::string& attribute) {
  std::string asked;
  put_text(asked, dataset);
  put_text(asked, attribute);
  const ConfinedAnswer answer = confined(answer_reals, {asked, {}, file});
  TakenFrom head(answer.head);
  return taken_list<double>(head);
}

}  // namespace dagfusion
