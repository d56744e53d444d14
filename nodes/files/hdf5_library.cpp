#include "nodes/files/hdf5_library.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "nodes/files/grid_walk.h"
#include "nodes/files/hdf5_driver.h"
#include "nodes/files/hdf5_type.h"

namespace dagfusion::libhdf5 {
namespace {

constexpr std::size_t kMostEntries = 10'000, kMostDepth = 16;
constexpr std::uint64_t kMostCompact = 65536;

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

Hdf5Type type_of_dataset(hid_t dataset) {
  const Hdf5Id type(H5Dget_type(dataset), H5Tclose);
  return type ? hdf5_type_of(type) : Hdf5Type{};
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

}  // namespace

Hdf5Id opened(int descriptor) {
  std::string why;
  Hdf5Id file = open_hdf5(descriptor, why);
  if (file) return file;
  if (!has_signature(descriptor)) fail("is not an HDF5 file");
  if (why.find("bad version number") != std::string::npos) fail_as_damaged(why);
  fail(fmt::format("is damaged or cut short (HDF5: {})", why));
}

std::optional<Hdf5Id> dataset_of(hid_t file, const std::string& name) {
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

std::vector<Hdf5Entry> datasets(hid_t file) {
  std::vector<Hdf5Entry> all;
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
      if (object.type != H5O_TYPE_DATASET || all.size() >= kMostEntries) continue;
      const Hdf5Id dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
      if (!dataset) fail_as_damaged();
      all.push_back({path, type_of_dataset(dataset), shape_of_dataset(dataset)});
    }
  }
  std::sort(all.begin(), all.end(), [](const Hdf5Entry& a, const Hdf5Entry& b) { return a.name < b.name; });
  return all;
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

std::vector<Hdf5Chunk> chunks(hid_t dataset, const Shape& shape, const Shape& chunk) {
  Shape grid, number(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) grid.push_back((shape[i] + chunk[i] - 1) / chunk[i]);
  std::vector<Hdf5Chunk> made;
  std::array<hsize_t, H5S_MAX_RANK> offset{};
  do {
    for (std::size_t i = 0; i < shape.size(); ++i) offset[i] = static_cast<hsize_t>(number[i] * chunk[i]);
    made.push_back(place_of(dataset, offset.data()));
  } while (to_next(number, grid));
  return made;
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

}  // namespace dagfusion::libhdf5
