#include "nodes/files/npz.h"

#include <fmt/format.h>
#include <zlib.h>

#include <stdexcept>

#include "nodes/files/durable.h"

namespace dagfusion {
namespace {

// What a zip archive writes of numbers: the lowest byte first.
template <class... Numbers>
std::string in_bytes(int bytes, Numbers... numbers) {
  std::string text;
  for (const std::uint64_t number : {static_cast<std::uint64_t>(numbers)...})
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i));
  return text;
}

constexpr std::uint64_t kMostBytes = 0xFFFFFFFF;  // of an archive without zip64
constexpr int kZip20 = 20;                        // the version of the format that a reader must know
constexpr int kStored = 0;
constexpr std::uint32_t kDate = (1 << 5 | 1) << 16;  // 1 January 1980, so that equal arrays give equal files

}  // namespace

void write_npz(const std::filesystem::path& path, const std::vector<RealArray>& arrays) {
  std::string archive, directory;
  for (const RealArray& array : arrays) {
    const std::string body =
        npy_header("<f8", array.shape) +
        std::string(reinterpret_cast<const char*>(array.values.data()), array.values.size_bytes());
    const std::string name = array.name + ".npy";
    const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
    const std::string facts = in_bytes(2, kZip20, 0, kStored) +
                              in_bytes(4, kDate, sum, body.size(), body.size()) + in_bytes(2, name.size(), 0);
    directory +=
        "PK\1\2" + in_bytes(2, kZip20) + facts + in_bytes(2, 0, 0, 0) + in_bytes(4, 0, archive.size()) + name;
    archive += "PK\3\4" + facts + name + body;
    if (archive.size() > kMostBytes)
      throw std::runtime_error(fmt::format("'{}' would be larger than 4 GiB", path.string()));
  }
  archive += directory + "PK\5\6" + in_bytes(2, 0, 0, arrays.size(), arrays.size()) +
             in_bytes(4, directory.size(), archive.size()) + in_bytes(2, 0);
  replace_file(path, archive);
}

std::vector<double> read_reals(const NpyFile& file) {
  std::vector<double> values(static_cast<std::size_t>(file.rows()) * file.row_elements());
  std::vector<std::byte> room(file.room_bytes());
  for (std::int64_t row = 0; row < file.rows(); ++row)
    file.read(
        row,
        std::span(values).subspan(static_cast<std::size_t>(row) * file.row_elements(), file.row_elements()),
        room);
  return values;
}

}  // namespace dagfusion
