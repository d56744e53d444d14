// Damaged copies of pictures and data sets, read as the program reads them: what is read is right, or the fault is told; no
// crash reaches this process. DAGFUSION_COPIES=10000 makes a campaign of it.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <utility>

#include "nodes/files/confined.h"
#include "nodes/files/decode.h"
#include "nodes/files/image_file.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

using Sections =
    std::vector<std::pair<std::size_t, std::size_t>>;  // of which the last 4 bytes are a checksum

int copies() {
  const char* typed = std::getenv("DAGFUSION_COPIES");
  return typed ? std::atoi(typed) : 300;
}

Bytes load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One bit, 16 bytes, or what is behind some byte.
Bytes damaged(Bytes file, std::mt19937& random) {
  const std::size_t at = random() % file.size();
  switch (random() % 3) {
    case 0:
      file[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
      return file;
    case 1:
      for (std::size_t i = at; i < std::min(at + 16, file.size()); ++i)
        file[i] = static_cast<std::uint8_t>(random());
      return file;
    default:
      file.resize(at);
      return file;
  }
}

void put_checksum(Bytes& file, std::size_t at, std::uint32_t sum, bool big_endian) {
  for (std::size_t i = 0; i < 4; ++i)
    file[at + i] = static_cast<std::uint8_t>(sum >> 8 * (big_endian ? 3 - i : i));
}

// Bob Jenkins' lookup3, which HDF5 keeps behind its metadata.
std::uint32_t lookup3(const std::uint8_t* bytes, std::size_t length) {
  const auto turn = [](std::uint32_t x, int by) { return x << by | x >> (32 - by); };
  std::uint32_t a = 0xDEADBEEF + static_cast<std::uint32_t>(length), b = a, c = a;
  const auto add = [&](std::size_t count) {
    std::array<std::uint8_t, 12> block{};
    std::memcpy(block.data(), bytes, count);
    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), block.data(), block.size());
    a += words[0];
    b += words[1];
    c += words[2];
  };
  for (; length > 12; length -= 12, bytes += 12) {
    add(12);
    a -= c, a ^= turn(c, 4), c += b;
    b -= a, b ^= turn(a, 6), a += c;
    c -= b, c ^= turn(b, 8), b += a;
    a -= c, a ^= turn(c, 16), c += b;
    b -= a, b ^= turn(a, 19), a += c;
    c -= b, c ^= turn(b, 4), b += a;
  }
  if (length == 0) return c;
  add(length);
  c ^= b, c -= turn(b, 14);
  a ^= c, a -= turn(c, 11);
  b ^= a, b -= turn(a, 25);
  c ^= b, c -= turn(b, 16);
  a ^= c, a -= turn(c, 4);
  b ^= a, b -= turn(a, 14);
  c ^= b, c -= turn(b, 24);
  return c;
}

// The blocks of metadata: from a signature to where the checksum of all before stands.
Sections metadata_of(const Bytes& file) {
  Sections found;
  for (const std::string_view signature :
       {"\x89HDF\r\n\x1A\n", "OHDR", "OCHK", "EAHD", "EAIB", "EADB", "EASB", "FAHD", "FADB", "FRHP", "FHDB",
        "FHIB", "FSHD", "FSSE", "BTHD", "BTLF", "BTIN"})
    for (auto at = file.begin();; ++at) {
      at = std::search(at, file.end(), signature.begin(), signature.end());
      if (at == file.end()) break;
      const auto begin = static_cast<std::size_t>(at - file.begin());
      for (std::size_t length = 8; begin + length + 4 <= file.size(); ++length) {
        std::uint32_t sum = 0;
        std::memcpy(&sum, file.data() + begin + length, 4);
        if (sum != lookup3(file.data() + begin, length)) continue;
        found.emplace_back(begin, begin + length + 4);
        break;
      }
    }
  return found;
}

void mend_hdf5(Bytes& file, const Sections& sections) {
  for (const auto& [begin, end] : sections)
    if (end <= file.size()) put_checksum(file, end - 4, lookup3(file.data() + begin, end - 4 - begin), false);
}

void mend_png(Bytes& file) {
  constexpr std::size_t kSignature = 8, kAround = 12;  // a chunk's length, name and checksum
  for (std::size_t at = kSignature; at + kAround <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | file[at + i];
    if (length > file.size() - at - kAround) return;
    const std::size_t sum = at + 8 + length;
    put_checksum(file, sum,
                 static_cast<std::uint32_t>(::crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4))),
                 true);
    at = sum + 4;
  }
}

bool is_png(const Bytes& file) { return file.size() > 8 && std::memcmp(file.data(), "\x89PNG", 4) == 0; }

TEST(Damage, OfAPictureIsToldOrHarmless) {
  start_confinement();
  std::vector<Bytes> whole;
  for (const auto& entry : std::filesystem::directory_iterator(DAGFUSION_GOLDEN "/pictures"))
    whole.push_back(load(entry.path()));
  whole.push_back(encoded(".png", gradient(40, 30)));
  whole.push_back(encoded(".bmp", gradient(40, 30)));
  whole.push_back(encoded(".jpg", gradient(40, 30)));
  whole.push_back(encoded(".jpg", gradient(40, 30), {cv::IMWRITE_JPEG_PROGRESSIVE, 1}));
  whole.push_back(encoded(".webp", gradient(40, 30), {cv::IMWRITE_WEBP_QUALITY, 80}));
  whole.push_back(encoded(".webp", gradient(40, 30), {cv::IMWRITE_WEBP_QUALITY, 101}));
  std::mt19937 random(14);
  int refused = 0, crashes = 0;
  for (int copy = 0; copy < copies(); ++copy) {
    const Bytes& from = whole[static_cast<std::size_t>(copy) % whole.size()];
    Bytes file = damaged(from, random);
    const bool mended = random() % 2 == 0;
    if (mended && is_png(file)) mend_png(file);
    try {
      const Image image = decode_image(file, {});
      EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(image.height * image.width * 3));
      if (is_png(from) && !mended) {
        EXPECT_EQ(image.pixels, decode_image(from, {}).pixels) << "copy " << copy;
      }
    } catch (const std::runtime_error& error) {
      ++refused;
      crashes += std::string_view(error.what()).find("crashed") != std::string_view::npos ? 1 : 0;
    }
  }
  std::printf("%d copies: %d refused, %d of them because the decoder crashed\n", copies(), refused, crashes);
  EXPECT_GT(refused, copies() / 4);
}

class DamagedDataSet : public ::testing::Test {
 protected:
  DamagedDataSet() {
    OneNode writer(
        "{type: hdf5_writer, path: a.h5}",
        {{"images", numbered({4, 1, 8, 8})}, {"label", {{4}, {4, 5, 6, 7}}}},
        {.directory = folder_.path().string(), .dtypes = {{"images", DType::u8}, {"label", DType::i32}}});
    writer.forward();
    dynamic_cast<Ordered&>(writer.node()).finish(writer.run());
    whole_ = load(folder_ / "a.h5");
  }

  static std::vector<Bytes> images(const std::string& path) {
    const ImageFile file(path);
    std::vector<Bytes> all;
    Bytes room(file.room_bytes());
    for (std::int64_t i = 0; i < file.count(); ++i) {
      all.emplace_back(file.image_bytes());
      file.read(i, all.back(), room);
    }
    return all;
  }

  ScratchFolder folder_;
  Bytes whole_;
};

TEST_F(DamagedDataSet, IsReadRightOrNotAtAll) {
  start_confinement();
  const std::vector<Bytes> right = images(folder_ / "a.h5");
  const Sections metadata = metadata_of(whole_);
  ASSERT_GT(metadata.size(), 5u);
  std::mt19937 random(14);
  int refused = 0, crashes = 0, other = 0;
  for (int copy = 0; copy < copies(); ++copy) {
    Bytes file = damaged(whole_, random);
    const bool mended = copy % 2 == 0;
    if (mended) mend_hdf5(file, metadata);
    if (file == whole_) continue;
    save(folder_ / "b.h5", file);
    try {
      const std::vector<Bytes> read = images(folder_ / "b.h5");
      if (mended) {
        other += read != right ? 1 : 0;  // its sums say that it was meant so
      } else {
        EXPECT_EQ(read, right) << "copy " << copy;
      }
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).find("'" + folder_ / "b.h5" + "' "), 0u) << error.what();
      ++refused;
      crashes += std::string_view(error.what()).find("crashed") != std::string_view::npos ? 1 : 0;
    }
  }
  std::printf(
      "%d copies: %d refused, %d of them because libhdf5 crashed; %d say with right sums that they are other "
      "data\n",
      copies(), refused, crashes, other);
  EXPECT_GT(refused, copies() / 2);
  EXPECT_LE(other, copies() / 20);
}

}  // namespace
}  // namespace dagfusion::tests
