#include "nodes/files/file_kind.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "nodes/files/image_header.h"
#include "nodes/files/tar.h"
#include "nodes/files/zip.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::size_t kStart = 4096;

bool holds_arrays(const fs::path& path) {
  try {
    const std::vector<ZipMember> members = list_zip(path);
    return !members.empty() && std::all_of(members.begin(), members.end(),
                                           [](const ZipMember& m) { return m.name.ends_with(".npy"); });
  } catch (const std::runtime_error&) {
    return false;
  }
}

bool is_hdf5(std::string_view start) {
  for (const std::size_t at : {0, 512, 1024, 2048})  // behind a block of the user's
    if (start.size() > at && start.substr(at).starts_with("\x89HDF\r\n\x1A\n"sv)) return true;
  return false;
}

bool is_picture(std::string_view start) {
  try {
    read_image_header({reinterpret_cast<const std::uint8_t*>(start.data()), start.size()});
    return !start.starts_with("BM");  // two letters are not enough
  } catch (const std::runtime_error&) {
    return false;
  }
}

FileKind kind_of(std::string_view start) {
  constexpr std::size_t kTarMagic = 257;
  if (is_hdf5(start)) return FileKind::hdf5;
  if (start.starts_with("\x93NUMPY")) return FileKind::npy;
  if (start.starts_with("PK\3\4"sv)) return FileKind::zip;
  if (start.size() > kTarMagic && start.substr(kTarMagic).starts_with("ustar")) return FileKind::tar;
  if (start.starts_with("MATLAB 5.0")) return FileKind::matlab;
  if (start.starts_with("PAR1")) return FileKind::parquet;
  if (start.size() > 4 && start[0] == '\0' && start[1] == '\0' && start[2] >= 8 && start[2] <= 14 &&
      start[3] >= 1 && start[3] <= 4)
    return FileKind::idx;
  if (start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5) return FileKind::pickle;
  return is_picture(start) ? FileKind::picture : FileKind::unknown;
}

}  // namespace

FileKind kind_of_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return FileKind::folder;
  if (!fs::is_regular_file(path, ignored)) return FileKind::unknown;
  std::array<char, kStart> bytes{};
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"),
                                                        gzclose);  // plain ones too
  const int got = file ? gzread(file.get(), bytes.data(), static_cast<unsigned>(bytes.size())) : 0;
  const FileKind kind = kind_of({bytes.data(), static_cast<std::size_t>(std::max(got, 0))});
  if (kind == FileKind::zip && holds_arrays(path)) return FileKind::npz;
  return kind == FileKind::unknown && is_named_like_tar(path) ? FileKind::tar : kind;
}

std::string what_reads(FileKind kind) {
  switch (kind) {
    case FileKind::unknown:
      return "";
    case FileKind::folder:
      return "is a folder; image_folder reads the pictures in it, and pack_images.yaml packs them";
    case FileKind::hdf5:
      return "is an HDF5 file, which hdf5_images reads and pack_hdf5.yaml packs";
    case FileKind::npy:
    case FileKind::npz:
      return "is an array of NumPy, which npy_images reads and pack_npy.yaml packs";
    case FileKind::zip:
      return "is a zip archive; image_folder reads the pictures in it, and pack_zip.yaml packs them";
    case FileKind::tar:
      return "is a tar archive; image_folder reads the pictures in it, and pack_tar.yaml packs them; "
             "cifar_images reads "
             "CIFAR's";
    case FileKind::idx:
      return "is an IDX file, as MNIST has, which idx_images reads and pack_mnist.yaml packs";
    case FileKind::pickle:
      return "is a pickle of Python; cifar_images reads those of CIFAR (pack_cifar10.yaml), no other is "
             "read: "
             "numpy.save makes a .npy of an array, which pack_npy.yaml packs";
    case FileKind::picture:
      return "is a picture; image_folder reads the folder that it is in, and pack_images.yaml packs it";
    case FileKind::matlab:
      return "is a MAT-file of MATLAB 5, which is not read; scipy.io.loadmat and numpy.save make a .npy of "
             "it, which "
             "pack_npy.yaml packs";
    case FileKind::parquet:
      return "is a Parquet file, which is not read; its pictures, each saved as a file, are packed by "
             "pack_images.yaml";
  }
  return "";
}

void expect_kind(const fs::path& path, FileKind expected) {
  const FileKind kind = kind_of_file(path);
  if (kind == expected || kind == FileKind::unknown) return;
  throw std::runtime_error(fmt::format("'{}' {}", path.string(), what_reads(kind)));
}

}  // namespace dagfusion
