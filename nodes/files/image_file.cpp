#include "nodes/files/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "graph/values/alignment.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/decode.h"
#include "nodes/files/hdf5.h"
#include "nodes/files/image_datasets.h"
#include "nodes/files/image_labels.h"

namespace dagfusion {
namespace {

constexpr std::size_t kMostSampled = 64;
constexpr std::size_t kListCache = std::size_t{1} << 31;  // labels and names are read at once
constexpr std::int64_t kMostEncodedPixels = std::int64_t{16} << 20;

}  // namespace

ImageFile::ImageFile(ImageFile&&) noexcept = default;
ImageFile::~ImageFile() = default;

ImageFile::ImageFile(const std::filesystem::path& path, const ImageFileOptions& options)
    : file_(std::make_shared<Hdf5File>(path)) {
  const auto format = file_->whole_number(kImageFormatAttribute);
  if (format && *format != kImageFileVersion)
    fail(fmt::format("has version {} of the image format; this program reads version {}", *format,
                     kImageFileVersion));
  ImageDatasets found = find_image_datasets(*file_, options.key);
  one_each_ = found.one_each;
  names_ = std::move(found.names);
  for (const std::string& key : found.keys) {
    begins_.push_back(count_);
    parts_.emplace_back(file_, key, options.cache_bytes,
                        one_each_ ? Hdf5Rows::Holds::one_row : Hdf5Rows::Holds::rows);
    count_ += parts_.back().count();
  }
  take_order(options.order);
  refuse_never_written();
  take_range(options.range);
  take_checksums(format.has_value());
  ImageLabels read = read_image_labels(file_, parts_, count_, options.label_key);
  labels_ = std::move(read.labels);
  if (!read.class_names.empty()) class_names_ = std::move(read.class_names);
  say_what_it_is(options.cache_bytes);
}

void ImageFile::take_order(const std::string& order) {
  const Hdf5Rows& images = parts_[0];
  const Shape& s = images.shape();
  const std::string is = s.size() == 3 || s.size() == 4
                             ? fmt::format("has '{}' {}", images.name(), to_string(s))
                             : fmt::format("has '{}'", images.name());
  if (images.type().kind == Hdf5Type::Kind::bytes_of_any_length && s.size() == 1) return take_encoded();
  if (images.type().kind != Hdf5Type::Kind::number)
    fail(fmt::format("has '{}' of {}, which are no images", images.name(), images.type().name));
  try {
    const PixelOrder found = pixel_order_of(s, order);
    order_ = found.name;
    channels_ = found.channels;
    height_ = found.height;
    width_ = found.width;
    strides_ = found.strides;
  } catch (const std::runtime_error& error) {
    fail(is + error.what());
  }
  row_bytes_ = images.row_bytes();
  for (const Hdf5Rows& part : parts_) room_bytes_ = std::max(room_bytes_, part.room_bytes());
  room_bytes_ = aligned(room_bytes_) + aligned(row_bytes_);
  room_bytes_ += aligned(image_bytes() * sizeof(float));
}

// Every image is a file of its own inside: a PNG or JPEG. All have the size of the first.
void ImageFile::take_encoded() {
  stored_ = Stored::encoded;
  channels_ = 3;
  row_bytes_ = parts_[0].row_bytes();
  room_bytes_ = aligned(parts_[0].room_bytes()) + aligned(row_bytes_);
  std::vector<std::uint8_t> row(row_bytes_), room(parts_[0].room_bytes());
  parts_[0].read(0, row, room);
  try {
    const Image first = decode_image(file_->long_value(row, 1), {});
    height_ = first.height;
    width_ = first.width;
  } catch (const std::runtime_error& error) {
    fail(fmt::format("has '{}', whose image 0 {}", parts_[0].name(), error.what()));
  }
  if (height_ * width_ > kMostEncodedPixels) fail("has images that are too large to be read as a data set");
}

void ImageFile::refuse_never_written() const {
  constexpr std::size_t kMostNamed = 5;
  for (const Hdf5Rows& part : parts_) {
    std::vector<std::int64_t> rows = part.never_written(kMostNamed + 1);
    if (rows.empty()) continue;
    const bool more = rows.size() > kMostNamed;
    rows.resize(std::min(rows.size(), kMostNamed));
    fail(fmt::format("has {} in '{}' that {} never written: {}{}; they would be black",
                     rows.size() == 1 ? "an image" : "images", part.name(), rows.size() == 1 ? "was" : "were",
                     fmt::join(rows, ", "), more ? ", …" : ""));
  }
}

void ImageFile::take_range(const std::vector<double>& given) {
  const NumberFormat& number = parts_[0].type().number;
  if (!given.empty()) {
    range_ = {given[0], given[1]};
    is_all_bytes_ = range_.black == 0 && range_.white == 255;
    return;
  }
  if (stored_ == Stored::encoded) return;
  const std::vector<double> stated = parts_[0].attribute("range");
  if (stated.size() == 2 && stated[0] < stated[1]) {
    if (!number.is_byte()) range_ = {stated[0], stated[1]};
    return;
  }
  const bool two_bytes = number.kind == NumberFormat::Kind::unsigned_integer && number.bytes == 2;
  std::vector<float> values, one(image_bytes());
  std::vector<std::uint8_t> room(room_bytes_);
  const std::int64_t every = std::max<std::int64_t>(1, count_ / static_cast<std::int64_t>(kMostSampled));
  for (std::int64_t image = 0; image < count_ && !two_bytes; image += every) {
    try {
      read_numbers(number, std::as_bytes(read_row(image, room)), one);
    } catch (const std::runtime_error&) {
      if (!number.is_byte()) throw;
      continue;  // a damaged image is named when it is its turn
    }
    values.insert(values.end(), one.begin(), one.end());
  }
  if (number.is_byte()) {  // truth values, or bytes
    is_all_bytes_ = values.empty() || *std::max_element(values.begin(), values.end()) != 1;
    if (!is_all_bytes_) range_ = {0, 1};
    return;
  }
  const std::optional<PixelRange> found = usual_range(values, two_bytes);
  if (!found) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    fail(fmt::format(
        "has '{}' {} from {:g} to {:g}, which is no usual range; say which numbers are black and white: "
        "range: [{:g}, {:g}]",
        parts_[0].name(), parts_[0].type().name, *least, *most, *least, *most));
  }
  range_ = *found;
}

void ImageFile::take_checksums(bool ours) {
  const bool has_version = file_->whole_number("version") == 1;
  const bool all = parts_.size() == 1 && parts_[0].name() == "/images";
  if (!all || !file_->find("/crc32c")) {
    if (ours) fail("has no dataset '/crc32c', although it is in the format of this program");
    return;
  }
  const Hdf5Rows sums(file_, "/crc32c", kListCache);
  if (sums.shape() != Shape{count_} && !ours && !has_version) return;  // of somebody else
  for (const std::int64_t sum :
       whole_numbers(*file_, sums, count_, 0, std::numeric_limits<std::uint32_t>::max()))
    checksums_.push_back(static_cast<std::uint32_t>(sum));
  if (file_->find("/names")) {
    const Hdf5Rows names(file_, "/names", kListCache);
    if (names.shape() == Shape{count_} && names.type().kind == Hdf5Type::Kind::text)
      names_ = texts(*file_, names);
  }
  if (file_->find("/class_names")) class_names_ = texts(*file_, Hdf5Rows(file_, "/class_names", kListCache));
}

void ImageFile::say_what_it_is(std::size_t cache_bytes) {
  const Hdf5Rows& first = parts_[0];
  const bool plain = parts_.size() == 1 && first.name() == "/images" && order_ == "NHWC" &&
                     first.type().number.is_byte() && is_all_bytes_ && stored_ == Stored::numbers;
  if (!plain) {
    const std::string where = one_each_ ? fmt::format("{} datasets, one for each image", parts_.size())
                              : parts_.size() == 1
                                  ? fmt::format("'{}'", first.name())
                                  : fmt::format("{} groups, one for each class", parts_.size());
    const std::string what = stored_ == Stored::encoded ? "pictures as files"
                                                        : fmt::format("{} as [{}], {}", first.type().name,
                                                                      fmt::join(order_, ","), range_.name());
    notes_.push_back(
        fmt::format("images come from {}: {}, {} of {}x{}", where, what, count_, width_, height_));
  }
  if (checksums_.empty() && !first.has_checksums())
    notes_.push_back(
        "there are no checksums, so damage to the pixels can go unnoticed; pack_hdf5 packs them anew");
  if (first.rows_in_chunk() > 1 && first.whole_bytes() > cache_bytes)
    notes_.push_back(
        fmt::format("{} images are stored in one chunk, and all do not fit into 'cache_mb', so that shuffled "
                    "ones are read slowly; pack_hdf5 packs them anew",
                    first.rows_in_chunk()));
}

std::string ImageFile::image_name(std::int64_t image) const {
  return names_.empty() ? std::string() : names_[static_cast<std::size_t>(image)];
}

std::size_t ImageFile::cache_bytes() const {
  std::size_t bytes = 0;
  for (const Hdf5Rows& part : parts_) bytes += part.cache_bytes();
  return bytes;
}

std::string ImageFile::fingerprint() const {
  const std::uint32_t labels = crc32c(std::as_bytes(std::span(labels_)));
  std::uint32_t sum = 0;
  if (!checksums_.empty()) {
    sum = crc32c(std::as_bytes(std::span(checksums_)));
  } else {  // some images, and how long the file is: another file has another one
    std::vector<std::uint8_t> room(room_bytes_);
    const std::int64_t every = std::max<std::int64_t>(1, count_ / static_cast<std::int64_t>(kMostSampled));
    for (std::int64_t image = 0; image < count_; image += every)
      sum = crc32c(std::as_bytes(read_row(image, room)), sum);
    const std::uint64_t bytes = file_->bytes();
    sum = crc32c(std::as_bytes(std::span(&bytes, 1)), sum);
  }
  return fmt::format("hdf5_images {} of {}x{}x{} crc32c {:08x} labels {:08x}", count_, height_, width_,
                     channels_, sum, labels);
}

}  // namespace dagfusion
