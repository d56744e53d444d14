#include "nodes/files/image_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "nodes/files/crc32c.h"
#include "nodes/files/decode.h"

namespace dagfusion {
namespace {

constexpr const char* kRemedy = "; pack the images again with image_folder and hdf5_writer";
constexpr std::uint64_t kLeastPackedBytes = 8;  // zlib makes no less of anything

// Memory for zlib's inflate, so that an image is read without allocating:
// its state takes 7 KB of it, and a window of 32 KB where it wants one.
class InflateRoom {
 public:
  static constexpr std::size_t kBytes = 64 << 10;
  explicit InflateRoom(std::span<std::uint8_t> memory) : left_(memory) {}
  static voidpf take(voidpf room, uInt items, uInt size) {
    std::span<std::uint8_t>& left = static_cast<InflateRoom*>(room)->left_;
    const std::size_t bytes = (std::size_t{items} * size + 15) / 16 * 16;
    if (bytes > left.size()) return Z_NULL;  // zlib reports Z_MEM_ERROR
    std::uint8_t* const taken = left.data();
    left = left.subspan(bytes);
    return taken;
  }
  static void give_back(voidpf, voidpf) {}

 private:
  std::span<std::uint8_t> left_;
};

// Whether `packed` is all of a zlib stream that gives `bytes` and no more.
bool inflate_all(std::span<const std::uint8_t> packed, std::span<std::uint8_t> bytes,
                 std::span<std::uint8_t> memory) {
  InflateRoom room(memory);
  z_stream stream = {};
  stream.zalloc = InflateRoom::take;
  stream.zfree = InflateRoom::give_back;
  stream.opaque = &room;
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = bytes.data();
  stream.avail_out = static_cast<uInt>(bytes.size());
  if (inflateInit(&stream) != Z_OK) return false;
  return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
}

}  // namespace

void ImageFile::fail(const std::string& what) const {
  throw std::runtime_error(fmt::format("'{}' {}", path_, what));
}

void ImageFile::fail_as_damaged() const { fail(fmt::format("is damaged (HDF5: {})", hdf5_complaint())); }

ImageFile::ImageFile(const std::filesystem::path& path) : path_(path.string()) {
  std::error_code problem;
  file_bytes_ = std::filesystem::file_size(path, problem);
  if (problem) fail("cannot be read: " + problem.message());
  Hdf5Lock lock;
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);  // whole files only, and some file systems cannot lock
  file_ = {H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access), H5Fclose};
  if (!file_) {
    const std::string why = hdf5_complaint();
    fail(H5Fis_hdf5(path_.c_str()) > 0 ? fmt::format("is damaged or cut short (HDF5: {})", why)
                                       : "is not an HDF5 file");
  }
  const bool ours = check_version();
  open_images();
  for (const std::int64_t label : numbers("/labels", -1, std::numeric_limits<std::int32_t>::max()))
    labels_.push_back(static_cast<std::int32_t>(label));
  for (const std::int64_t sum : numbers("/crc32c", 0, std::numeric_limits<std::uint32_t>::max()))
    checksums_.push_back(static_cast<std::uint32_t>(sum));
  if (ours && checksums_.empty()) fail(std::string("has no dataset '/crc32c'") + kRemedy);
}

bool ImageFile::check_version() const {
  const htri_t exists = H5Aexists(file_, "version");
  if (exists < 0) fail_as_damaged();
  if (exists == 0) return false;
  const Hdf5Id attribute(H5Aopen(file_, "version", H5P_DEFAULT), H5Aclose);
  const Hdf5Id space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  std::int64_t version = 0;
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != H5T_INTEGER ||
      H5Aread(attribute, H5T_NATIVE_INT64, &version) < 0)
    fail("has an attribute 'version' that is not a whole number");
  if (version != kImageFileVersion)
    fail(fmt::format("has version {} of the image format; this program reads version {}", version,
                     kImageFileVersion));
  return true;
}

Hdf5Id ImageFile::open_dataset(const char* name) const {
  const htri_t exists = H5Lexists(file_, name, H5P_DEFAULT);
  if (exists < 0) fail_as_damaged();
  if (exists == 0) return {};
  H5L_info_t link;
  if (H5Lget_info(file_, name, &link, H5P_DEFAULT) < 0) fail_as_damaged();
  if (link.type != H5L_TYPE_HARD)
    fail(fmt::format("has a link to elsewhere in place of '{}', which is refused", name));
  H5O_info_t object;
  if (H5Oget_info_by_name2(file_, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0) fail_as_damaged();
  if (object.type != H5O_TYPE_DATASET)
    fail(fmt::format("has something that is not a dataset in place of '{}'", name));
  Hdf5Id dataset(H5Dopen2(file_, name, H5P_DEFAULT), H5Dclose);
  if (!dataset) fail_as_damaged();

  const Hdf5Id creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!creation) fail_as_damaged();
  if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
    fail(fmt::format("keeps the data of '{}' in other files, which is refused", name));
  return dataset;
}

void ImageFile::open_images() {
  images_ = open_dataset("/images");
  if (!images_) fail(std::string("has no dataset '/images'") + kRemedy);
  const Hdf5Id type(H5Dget_type(images_), H5Tclose), space(H5Dget_space(images_), H5Sclose),
      creation(H5Dget_create_plist(images_), H5Pclose);
  if (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) != 1 || H5Tget_sign(type) != H5T_SGN_NONE)
    fail(std::string("has '/images' that are not bytes (u8)") + kRemedy);
  const int sides = H5Sget_simple_extent_ndims(space);
  if (sides != 4) fail(fmt::format("has '/images' with {} sides; they must be [N,H,W,C]{}", sides, kRemedy));
  std::array<hsize_t, 4> shape{}, chunk{};
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  const auto [n, h, w, c] = shape;
  const std::string is = fmt::format("has '/images' [{},{},{},{}]", n, h, w, c);
  if (n == 0) fail(is + ", which is none");
  if (c != 1 && c != 3) fail(fmt::format("{} with {} channels; there must be 1 or 3", is, c));
  const auto limit = static_cast<hsize_t>(kMostPixels);
  if (h == 0 || w == 0 || h > limit || w > limit || h * w > limit)
    fail(fmt::format("{} of {}x{} pixels; the limit is {} Mpixel", is, w, h, kMostPixels >> 20));

  const bool chunked = H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, 4, chunk.data()) == 4;
  if (!chunked || chunk != std::array<hsize_t, 4>{1, h, w, c})
    fail(is + " that are not stored one image in a chunk" + kRemedy);
  unsigned flags = 0;
  std::size_t values = 0;
  if (H5Pget_nfilters(creation) != 1 ||
      H5Pget_filter2(creation, 0, &flags, &values, nullptr, 0, nullptr, nullptr) != H5Z_FILTER_DEFLATE)
    fail(is + " that are not compressed by deflate alone" + kRemedy);
  if (n > file_bytes_ / kLeastPackedBytes)
    fail(fmt::format("{}, more than a file of {} bytes can hold", is, file_bytes_));
  count_ = static_cast<std::int64_t>(n);
  height_ = static_cast<std::int64_t>(h);
  width_ = static_cast<std::int64_t>(w);
  channels_ = static_cast<std::int64_t>(c);
}

std::vector<std::int64_t> ImageFile::numbers(const char* name, std::int64_t least, std::int64_t most) const {
  const Hdf5Id dataset = open_dataset(name);
  if (!dataset) return {};
  const Hdf5Id type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose),
      creation(H5Dget_create_plist(dataset), H5Pclose);
  hsize_t length = 0, chunk = 0;
  if (H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_ndims(space) != 1 ||
      H5Sget_simple_extent_dims(space, &length, nullptr) != 1 || length != static_cast<hsize_t>(count_))
    fail(fmt::format("has '{}' that are not one whole number for each of the {} images", name, count_));
  if (H5Pget_layout(creation) == H5D_CHUNKED &&
      (H5Pget_chunk(creation, 1, &chunk) != 1 || chunk > length + 65536))
    fail(fmt::format("has '{}' in chunks of {}, too large for {} numbers", name, chunk, count_));
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      fail(fmt::format("has '{}' with filter {}; known are deflate, shuffle and fletcher32", name, filter));
  }
  std::vector<std::int64_t> numbers(length);
  if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()) < 0)
    fail(fmt::format("has damaged '{}' (HDF5: {})", name, hdf5_complaint()));
  for (const std::int64_t number : numbers)
    if (number < least || number > most)
      fail(fmt::format("has {} among '{}'; they must lie between {} and {}", number, name, least, most));
  return numbers;
}

std::size_t ImageFile::most_packed_bytes() const {
  return compressBound(static_cast<uLong>(image_bytes())) + 64;
}

std::size_t ImageFile::room_bytes() const { return InflateRoom::kBytes + most_packed_bytes(); }

std::string ImageFile::fingerprint() const {
  const std::uint32_t labels = crc32c(std::as_bytes(std::span(labels_)));
  return fmt::format("hdf5_images {} of {}x{}x{} crc32c {:08x} labels {:08x}", count_, height_, width_,
                     channels_, crc32c(std::as_bytes(std::span(checksums_))), labels);
}

void ImageFile::read_index() const {
  Hdf5Lock lock;
  for (std::array<hsize_t, 4> image{}; image[0] < static_cast<hsize_t>(count_); ++image[0]) {
    hsize_t packed = 0;
    H5Dget_chunk_storage_size(images_, image.data(), &packed);  // damage is read()'s to report
  }
}

void ImageFile::read(std::int64_t image, std::span<std::uint8_t> pixels, std::span<std::uint8_t> room) const {
  const auto damaged = [&](const std::string& how) {
    fail(fmt::format("has a damaged image {}: {}", image, how));
  };
  const std::span<std::uint8_t> inflating = room.first(InflateRoom::kBytes),
                                stored = room.subspan(InflateRoom::kBytes);
  const std::array<hsize_t, 4> offset = {static_cast<hsize_t>(image), 0, 0, 0};
  hsize_t packed = 0;
  std::uint32_t skipped = 0;  // filters that were left out for this chunk, a bit for each
  {
    Hdf5Lock lock;
    if (H5Dget_chunk_storage_size(images_, offset.data(), &packed) < 0 || packed == 0)
      damaged("nothing is stored for it");
    if (packed > stored.size())
      damaged(fmt::format("{} bytes are stored for it, {} are possible", packed, stored.size()));
    if (H5Dread_chunk(images_, H5P_DEFAULT, offset.data(), &skipped, stored.data()) < 0)
      damaged(fmt::format("HDF5: {}", hdf5_complaint()));
  }
  if (skipped == 1 && packed == pixels.size()) {  // what deflate cannot make smaller is stored as it is
    std::copy_n(stored.begin(), pixels.size(), pixels.begin());
  } else if (skipped != 0 || !inflate_all(stored.first(packed), pixels, inflating)) {
    damaged("it cannot be decompressed");
  }
  if (checksums_.empty()) return;
  const std::uint32_t sum = crc32c(std::as_bytes(pixels)),
                      written = checksums_[static_cast<std::size_t>(image)];
  if (sum != written) damaged(fmt::format("its CRC32C is {:08x}, not {:08x} as written", sum, written));
}

}  // namespace dagfusion
