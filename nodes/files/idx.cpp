#include "nodes/files/idx.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;
constexpr std::size_t kPiece = std::size_t{1} << 20;

}  // namespace

IdxFile read_idx(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error(fmt::format("'{}' {}", path.string(), what));
  };
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"),
                                                        gzclose);  // plain files too
  if (!file) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  const auto take = [&](std::uint8_t* to, std::size_t count) {
    while (count > 0) {
      const int got = gzread(file.get(), to, static_cast<unsigned>(std::min(count, kPiece)));
      if (got <= 0) fail(got < 0 ? "is damaged: it cannot be decompressed" : "is cut short");
      to += got;
      count -= static_cast<std::size_t>(got);
    }
  };
  std::array<std::uint8_t, 4> head{};
  if (gzread(file.get(), head.data(), head.size()) != static_cast<int>(head.size()) || head[0] != 0 ||
      head[1] != 0 || head[3] == 0 || head[3] > 4)
    fail("is no IDX file");
  constexpr int kBytes = 8;
  if (head[2] != kBytes)
    fail(fmt::format("holds numbers of kind {:#04x}; only bytes (0x08) are read", head[2]));
  IdxFile made;
  std::uint64_t bytes = 1;
  for (int side = 0; side < head[3]; ++side) {
    std::array<std::uint8_t, 4> number{};
    take(number.data(), number.size());
    std::uint64_t count = 0;
    for (const std::uint8_t byte : number) count = count << 8 | byte;
    made.shape.push_back(static_cast<std::int64_t>(count));
    if (count == 0 || bytes > kMostBytes / count) fail(fmt::format("says it has {}", to_string(made.shape)));
    bytes *= count;
  }
  while (made.bytes.size() < bytes) {  // in pieces, so that a lie about the size costs no memory
    const std::size_t piece = std::min<std::uint64_t>(kPiece, bytes - made.bytes.size());
    made.bytes.resize(made.bytes.size() + piece);
    take(made.bytes.data() + made.bytes.size() - piece, piece);
  }
  std::uint8_t more = 0;
  if (const int got = gzread(file.get(), &more, 1); got != 0)  // also looks at gzip's own checksum
    fail(got < 0 ? "is damaged: its checksum is wrong"
                 : fmt::format("holds more than its {} say", to_string(made.shape)));
  return made;
}

}  // namespace dagfusion
