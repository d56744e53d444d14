#include "nodes/files/npy_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "graph/values/alignment.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/file_kind.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSampled = 64, kMostClasses = 65536;

// What arrays of images are called, and their labels: behind x stands what is behind y.
constexpr std::array<const char*, 8> kImageNames = {"images", "image", "imgs",    "x",
                                                    "X",      "data",  "samples", "arr_0"};
constexpr std::array<const char*, 10> kLabelNames = {"labels", "label", "y",       "Y",     "targets",
                                                     "target", "class", "classes", "arr_1", "labs"};

// "x_train" is images of the part "_train", "train_images" those of "train_"; nothing when it is called otherwise.
std::optional<std::string> part_of(const std::string& name, std::span<const char* const> kinds) {
  for (const std::string kind : kinds) {
    if (name == kind) return "";
    if (name.starts_with(kind + "_")) return name.substr(kind.size() + 1);
    if (name.ends_with("_" + kind)) return name.substr(0, name.size() - kind.size() - 1);
  }
  return std::nullopt;
}

std::string image_key(const fs::path& path, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const std::vector<std::string> names = arrays_of_npz(path);
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (part_of(name, kImageNames)) found.push_back(name);
  if (found.size() == 1) return found[0];
  if (found.size() > 1)
    throw std::runtime_error(
        fmt::format("'{}' holds {} arrays that could be images: {}; say which with 'key: {}'", path.string(),
                    found.size(), fmt::join(found, ", "), found[0]));
  return "";  // the only one, or a message that lists them
}

std::string label_key_beside(const fs::path& path, const std::string& images) {
  const std::optional<std::string> part = part_of(images, kImageNames);
  if (!part) return "";
  for (const std::string& name : arrays_of_npz(path))
    if (name != images && part_of(name, kLabelNames) == part) return name;
  return "";
}

// Whole numbers, one for each image, or one-hot.
std::vector<std::int32_t> classes_of(const NpyFile& file, std::int64_t images, const std::string& what) {
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error(fmt::format("{} {} {}; 'label_key: none' reads the images alone", what,
                                         to_string(file.shape()), why));
  };
  if (file.shape().empty() || file.rows() != images)
    fail(fmt::format("that are not one class for each of the {} images", images));
  std::vector<std::int32_t> labels;
  std::vector<double> row(file.row_elements());
  std::vector<std::byte> room(file.room_bytes());
  for (std::int64_t image = 0; image < images; ++image) {
    file.read(image, row, room);
    double label = row[0];
    if (row.size() > 1) {
      const auto ones = std::count(row.begin(), row.end(), 1.0),
                 zeros = std::count(row.begin(), row.end(), 0.0);
      if (ones != 1 || ones + zeros != static_cast<std::ptrdiff_t>(row.size()))
        fail(fmt::format("that are not one-hot: those of image {} are no single 1 among zeros", image));
      label = static_cast<double>(std::find(row.begin(), row.end(), 1.0) - row.begin());
    }
    if (label != std::floor(label) || label < -1 || label >= kMostClasses)
      fail(fmt::format("that are no classes: image {} has {:g}", image, label));
    labels.push_back(static_cast<std::int32_t>(label));
  }
  return labels;
}

// [28, 28] for 784, [32, 32, 3] for 3072; nothing when no square fits.
std::string square_for(std::int64_t numbers) {
  const auto side_of = [](std::int64_t n) {
    return static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(n))));
  };
  if (const std::int64_t side = side_of(numbers); side * side == numbers)
    return fmt::format("; 'shape: [{0}, {0}]' would make images of it", side);
  if (const std::int64_t side = side_of(numbers / 3); side * side * 3 == numbers)
    return fmt::format("; 'shape: [{0}, {0}, 3]' would make images of it, or [3, {0}, {0}]", side);
  return "";
}

}  // namespace

NpyImages::NpyImages(const fs::path& path, const NpyImagesOptions& options)
    : path_((expect_kind(path, kind_of_file(path) == FileKind::npz ? FileKind::npz : FileKind::npy),
             path.string())),
      key_(image_key(path, options.key)),
      images_(path, key_) {
  take_order(options);
  take_range(options.range);
  take_labels(path, options);
  if (range_.black != 0 || range_.white != 255)
    notes_.push_back(fmt::format("numbers are {}, of which {:g} is taken for black and {:g} for white",
                                 name_of(images_.stored()), range_.black, range_.white));
}

void NpyImages::take_order(const NpyImagesOptions& options) {
  Shape shape = images_.shape();
  const std::string is = fmt::format("'{}' holds {}", path_, to_string(shape));
  if (!options.shape.empty()) {
    std::int64_t numbers = 1;
    for (const std::int64_t side : options.shape) numbers *= side;
    if (numbers != static_cast<std::int64_t>(images_.row_elements()))
      throw std::runtime_error(fmt::format("{}, whose rows have {} numbers, not {} as 'shape' says", is,
                                           images_.row_elements(), numbers));
    shape.resize(1);
    shape.insert(shape.end(), options.shape.begin(), options.shape.end());
  } else if (shape.size() == 2) {
    throw std::runtime_error(fmt::format("{}, rows that are flat{}", is, square_for(shape[1])));
  }
  try {
    order_ = pixel_order_of(shape, options.order);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(is + error.what());
  }
}

void NpyImages::take_range(const std::vector<double>& given) {
  if (!given.empty()) {
    range_ = {given[0], given[1]};
    return;
  }
  std::vector<float> values;
  std::vector<std::byte> room(room_bytes() + kAlignment);
  const std::size_t skip =
      (kAlignment - reinterpret_cast<std::uintptr_t>(room.data()) % kAlignment) % kAlignment;
  const std::int64_t every = std::max<std::int64_t>(1, count() / kMostSampled);
  for (std::int64_t image = 0; image < count(); image += every) {
    const std::span<const float> row = read_numbers_of(image, std::span(room).subspan(skip));
    values.insert(values.end(), row.begin(), row.end());
  }
  const NumberFormat& stored = images_.stored();
  const float most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  if (stored.is_byte()) {  // truth values, or bytes
    if (most == 1) range_ = {0, 1};
    return;
  }
  const bool two_bytes = stored.kind == NumberFormat::Kind::unsigned_integer && stored.bytes == 2;
  const std::optional<PixelRange> found = usual_range(values, two_bytes);
  if (!found) {
    const float least = *std::min_element(values.begin(), values.end());
    throw std::runtime_error(fmt::format(
        "'{}' holds {} from {:g} to {:g}, which is no usual range; say which numbers are black and "
        "white: range: [{:g}, {:g}]",
        path_, name_of(stored), least, most, least, most));
  }
  range_ = *found;
}

void NpyImages::take_labels(const fs::path& path, const NpyImagesOptions& options) {
  if (options.label_key == "none") return;
  if (!options.labels.empty()) {
    labels_ = classes_of(NpyFile(options.labels, options.label_key), count(),
                         fmt::format("'{}' holds", options.labels.string()));
    return;
  }
  std::string key = options.label_key;
  if (key.empty() && !key_.empty()) key = label_key_beside(path, key_);
  if (key.empty()) return;
  labels_ = classes_of(NpyFile(path, key), count(), fmt::format("'{}' has '{}'", path_, key));
}

std::vector<std::string> NpyImages::class_names() const {
  std::vector<std::string> names;
  const std::int32_t most = labels_.empty() ? -1 : *std::max_element(labels_.begin(), labels_.end());
  for (std::int32_t i = 0; i <= most; ++i) names.push_back(std::to_string(i));
  return names;
}

std::string NpyImages::fingerprint() const {
  return fmt::format("npy_images {} {:08x} labels {:08x}", to_string(images_.shape()), images_.checksum(),
                     crc32c(std::as_bytes(std::span(labels_))));
}

std::size_t NpyImages::room_bytes() const {
  return aligned(images_.room_bytes()) + aligned(image_numbers() * sizeof(float)) +
         aligned(image_numbers() * sizeof(std::int32_t));
}

std::span<const float> NpyImages::read_numbers_of(std::int64_t image, std::span<std::byte> room) const {
  const std::size_t numbers = image_numbers();
  const std::span<std::byte> stored = room.first(images_.room_bytes());
  std::byte* const as_read = room.data() + aligned(images_.room_bytes());
  const std::span<float> values(reinterpret_cast<float*>(as_read + aligned(numbers * sizeof(std::int32_t))),
                                numbers);
  images_.read(image, as_read, stored);
  const auto convert = [&]<class T>(T) {
    const T* from = reinterpret_cast<const T*>(as_read);
    std::transform(from, from + numbers, values.begin(), [](T value) { return static_cast<float>(value); });
  };
  switch (images_.dtype()) {
    case DType::u8:
      convert(std::uint8_t{});
      break;
    case DType::u16:
      convert(std::uint16_t{});
      break;
    case DType::i32:
      convert(std::int32_t{});
      break;
    default:
      convert(float{});
  }
  return values;
}

// Calls to(c, y, x's place, number) for every pixel, planes in order.
template <class Take>
void in_planes(const PixelOrder& order, std::span<const float> values, const Take& take) {
  std::size_t at = 0;
  for (std::int64_t c = 0; c < order.channels; ++c)
    for (std::int64_t y = 0; y < order.height; ++y)
      for (std::int64_t x = 0; x < order.width; ++x)
        take(at++, values[static_cast<std::size_t>(c * order.strides.channel + y * order.strides.row +
                                                   x * order.strides.column)]);
}

void expect_in_range(const PixelRange& range, std::span<const float> values, const std::string& path,
                     std::int64_t image) {
  if (const std::optional<float> outside = first_outside(range, values))
    throw std::runtime_error(
        fmt::format("'{}' holds {:g} in image {}, outside of its range {}; say another one with "
                    "'range'",
                    path, *outside, image, range.name()));
}

void NpyImages::read_planes(std::int64_t image, std::uint8_t* planes, std::span<std::byte> room) const {
  const std::span<const float> values = read_numbers_of(image, room);
  expect_in_range(range_, values, path_, image);
  in_planes(order_, values, [&](std::size_t at, float value) {
    planes[at] = static_cast<std::uint8_t>(
        std::clamp(std::lround(range_.to_byte(static_cast<double>(value))), 0L, 255L));
  });
}

void NpyImages::read_signed(std::int64_t image, float* planes, std::span<std::byte> room) const {
  const std::span<const float> values = read_numbers_of(image, room);
  expect_in_range(range_, values, path_, image);
  in_planes(order_, values,
            [&](std::size_t at, float value) { planes[at] = range_.to_signed(static_cast<double>(value)); });
}

}  // namespace dagfusion
