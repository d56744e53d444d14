#include "tools/look/looked_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "nodes/files/cifar.h"
#include "nodes/files/decode.h"
#include "nodes/files/file_kind.h"
#include "nodes/files/files_matching.h"
#include "nodes/files/idx.h"
#include "nodes/files/image_file.h"
#include "nodes/files/npy_images.h"
#include "nodes/files/picture_archive.h"
#include "nodes/files/planes.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAlign = 64;

LookedData of_list(PictureList found, std::string kind) {
  auto list = std::make_shared<PictureList>(std::move(found));
  LookedData data{.kind = std::move(kind), .count = static_cast<std::int64_t>(list->files.size())};
  data.classes = list->classes;
  data.notes = list->left_out;
  data.label = [list](std::int64_t i) { return list->files[static_cast<std::size_t>(i)].label; };
  data.name = [list](std::int64_t i) { return list->files[static_cast<std::size_t>(i)].name; };
  return data;
}

LookedData of_folder(const fs::path& folder) {
  PictureList list = list_pictures(folder, true);
  if (const fs::path labels = label_file_in(folder); !labels.empty())
    label_by_file(list, labels);
  else
    label_by_folder(list, folder);
  LookedData data = of_list(std::move(list), "a folder of pictures");
  data.read = [folder, name = data.name](std::int64_t i) {
    return read_image(folder / name(i), name(i), {});
  };
  return data;
}

LookedData of_archives(const std::vector<fs::path>& paths) {
  auto archive = std::make_shared<PictureArchive>(paths, "auto");
  LookedData data =
      of_list(archive->take_list(), paths.size() == 1 ? "an archive of pictures"
                                                      : fmt::format("{} archives of pictures", paths.size()));
  data.read = [archive, name = data.name](std::int64_t i) {
    try {
      return decode_image(archive->read(static_cast<std::size_t>(i)), {});
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("'{}' {}", name(i), error.what()));
    }
  };
  return data;
}

// What is behind transparent pixels of four channels.
Image over_white(Image image) {
  if (image.channels != 4) return image;
  Image made{image.height, image.width, 3};
  for (std::size_t at = 0; at < image.pixels.size(); at += 4)
    for (std::size_t c = 0; c < 3; ++c) {
      const int alpha = image.pixels[at + 3];
      made.pixels.push_back(
          static_cast<std::uint8_t>((image.pixels[at + c] * alpha + 255 * (255 - alpha) + 127) / 255));
    }
  return made;
}

LookedData of_hdf5(const std::vector<fs::path>& paths, const std::string& key) {
  auto files = std::make_shared<std::vector<ImageFile>>();
  auto begins = std::make_shared<std::vector<std::int64_t>>();
  LookedData data{.kind = paths.size() == 1 ? "an HDF5 file" : fmt::format("{} HDF5 files", paths.size())};
  for (const fs::path& path : paths) {
    files->emplace_back(path, ImageFileOptions{.key = key});
    begins->push_back(data.count);
    data.count += files->back().count();
    for (const std::string& note : files->back().notes()) data.notes.push_back(note);
  }
  data.classes = files->front().class_names();
  const auto find = [begins](std::int64_t i) {
    return static_cast<std::size_t>(std::upper_bound(begins->begin(), begins->end(), i) - begins->begin() -
                                    1);
  };
  data.label = [files, begins, find](std::int64_t i) {
    const ImageFile& file = (*files)[find(i)];
    return file.has_labels() ? file.label(i - (*begins)[find(i)]) : -1;
  };
  data.name = [files, begins, find](std::int64_t i) {
    return (*files)[find(i)].image_name(i - (*begins)[find(i)]);
  };
  data.read = [files, begins, find](std::int64_t i) {
    const ImageFile& file = (*files)[find(i)];
    Image image{static_cast<int>(file.height()), static_cast<int>(file.width()),
                static_cast<int>(file.channels())};
    image.pixels.resize(file.image_bytes());
    std::vector<std::uint8_t> room(file.room_bytes() + kAlign);
    const std::size_t skip = (kAlign - reinterpret_cast<std::uintptr_t>(room.data()) % kAlign) % kAlign;
    file.read(i - (*begins)[find(i)], image.pixels, std::span(room).subspan(skip));
    return over_white(std::move(image));
  };
  return data;
}

// The classes of train-images-idx3-ubyte stand in train-labels-idx1-ubyte.
fs::path labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  const std::size_t at = name.find("images");
  if (at == std::string::npos) return {};
  name.replace(at, 6, "labels");
  if (const std::size_t sides = name.find("idx3"); sides != std::string::npos) name.replace(sides, 4, "idx1");
  const fs::path labels = images.parent_path() / name;
  return fs::is_regular_file(labels) ? labels : fs::path();
}

LookedData of_idx(const fs::path& path) {
  auto file = std::make_shared<IdxFile>(read_idx(path));
  if (file->shape.size() != 3)
    throw std::runtime_error(
        fmt::format("'{}' holds {}, no images [N,H,W]", path.string(), to_string(file->shape)));
  LookedData data{.kind = "an IDX file", .count = file->shape[0]};
  auto labels = std::make_shared<IdxFile>();
  if (const fs::path beside = labels_beside(path); !beside.empty()) {
    *labels = read_idx(beside);
    if (labels->shape != Shape{file->shape[0]})
      *labels = {};
    else
      data.notes.push_back(fmt::format("classes come from '{}'", beside.string()));
  }
  data.label = [labels](std::int64_t i) {
    return labels->bytes.empty() ? -1 : std::int32_t{labels->bytes[static_cast<std::size_t>(i)]};
  };
  data.name = [](std::int64_t) { return std::string(); };
  data.read = [file](std::int64_t i) {
    Image image{static_cast<int>(file->shape[1]), static_cast<int>(file->shape[2]), 1};
    const std::int64_t each = file->shape[1] * file->shape[2];
    image.pixels.assign(file->bytes.begin() + i * each, file->bytes.begin() + (i + 1) * each);
    return image;
  };
  return data;
}

LookedData of_npy(const fs::path& path, const std::string& key) {
  auto file = std::make_shared<NpyImages>(path, NpyImagesOptions{.key = key});
  LookedData data{.kind = "an array of NumPy", .count = file->count()};
  data.classes = file->class_names();
  data.notes = file->notes();
  data.label = [file](std::int64_t i) { return file->has_labels() ? file->label(i) : -1; };
  data.name = [](std::int64_t) { return std::string(); };
  data.read = [file](std::int64_t i) {
    const PixelOrder& order = file->order();
    Image image{static_cast<int>(order.height), static_cast<int>(order.width),
                static_cast<int>(order.channels)};
    std::vector<std::uint8_t> planes(file->image_numbers());
    std::vector<std::byte> room(file->room_bytes() + kAlign);
    const std::size_t skip = (kAlign - reinterpret_cast<std::uintptr_t>(room.data()) % kAlign) % kAlign;
    file->read_planes(i, planes.data(), std::span(room).subspan(skip));
    image.pixels.resize(planes.size());
    planes_to_pixels(planes.data(), order.channels, order.height, order.width, image.pixels.data(),
                     order.width * order.channels);
    return over_white(std::move(image));
  };
  return data;
}

LookedData of_cifar(const std::string& path) {
  auto set = std::make_shared<CifarSet>(read_cifar(path, CifarPart::all));
  LookedData data{.kind = "CIFAR", .count = set->count()};
  data.classes = set->classes;
  data.label = [set](std::int64_t i) { return set->labels[static_cast<std::size_t>(i)]; };
  data.name = [set](std::int64_t i) {
    return set->names.empty() ? std::string() : set->names[static_cast<std::size_t>(i)];
  };
  data.read = [set](std::int64_t i) {
    Image image{kCifarSide, kCifarSide, 3};
    image.pixels.resize(static_cast<std::size_t>(kCifarPixels));
    planes_to_pixels(set->pixels.data() + i * kCifarPixels, 3, kCifarSide, kCifarSide, image.pixels.data(),
                     kCifarSide * 3);
    return image;
  };
  return data;
}

// A folder or an archive of CIFAR, binary or python.
bool is_cifar(const fs::path& path) {
  try {
    return read_cifar(path.string(), CifarPart::all).count() > 0;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

LookedData look_at_data(const std::string& path, const std::string& key) {
  const std::vector<fs::path> paths = files_matching(path);
  if (paths.empty()) throw std::runtime_error(fmt::format("'{}' does not exist", path));
  switch (kind_of_file(paths[0])) {
    case FileKind::folder:
      return is_cifar(paths[0]) ? of_cifar(path) : of_folder(paths[0]);
    case FileKind::zip:
      return of_archives(paths);
    case FileKind::tar:
      return is_cifar(paths[0]) ? of_cifar(path) : of_archives(paths);
    case FileKind::idx:
      return of_idx(paths[0]);
    case FileKind::npy:
    case FileKind::npz:
      return of_npy(paths[0], key);
    case FileKind::pickle:
      return of_cifar(path);
    case FileKind::unknown:
      if (is_cifar(paths[0])) return of_cifar(path);
      break;
    case FileKind::hdf5:
    case FileKind::picture:
    case FileKind::matlab:
    case FileKind::parquet:
      break;
  }
  expect_kind(paths[0], FileKind::hdf5);
  return of_hdf5(paths, key);
}

}  // namespace dagfusion
