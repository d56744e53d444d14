#include "nodes/files/hdf5_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "nodes/files/file_bytes.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostLongValue = std::uint64_t{1} << 30;

}  // namespace

std::string to_string(const Hdf5Entry& entry) {
  return fmt::format("'{}' {} {}", entry.name, entry.type.name, to_string(entry.shape));
}

Hdf5File::Hdf5File(const std::filesystem::path& path) : path_(path.string()) {
  std::error_code problem;
  bytes_ = std::filesystem::file_size(path, problem);
  if (problem) fail("cannot be read: " + problem.message());
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  try {
    const Hdf5Facts facts = asked([&] { return hdf5_facts(descriptor_); });
    base_ = std::min(facts.user_block, bytes_);
    long_addresses_ = facts.long_addresses;
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Hdf5File::~Hdf5File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Hdf5File::fail(const std::string& what) const {
  throw std::runtime_error(fmt::format("'{}' {}", path_, what));
}

void Hdf5File::read(std::uint64_t at, std::span<std::uint8_t> bytes) const {
  if (at > bytes_ || bytes.size() > bytes_ - at) fail("is cut short");
  const std::int64_t got = read_up_to(descriptor_, at, bytes.data(), bytes.size());
  if (got < static_cast<std::int64_t>(bytes.size()))
    fail(fmt::format("cannot be read: {}", got < 0 ? std::strerror(errno) : "it became shorter"));
}

// HDF5 File Format Specification, section III.E: global heap.
std::vector<std::uint8_t> Hdf5File::long_value(std::span<const std::uint8_t> reference,
                                               std::size_t item_bytes) const {
  const auto little = [](std::span<const std::uint8_t> bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
    return value;
  };
  const std::uint64_t length = little(reference.first(4)) * item_bytes,
                      address = little(reference.subspan(4, 8)), index = little(reference.subspan(12, 4));
  if (!long_addresses_)
    fail("has values of any length and addresses that are not 8 bytes long, which are not read");
  constexpr std::uint64_t kHeadBytes = 16;  // of a heap, and of each object in it
  if (length == 0) return {};
  if (length > kMostLongValue || address > bytes_ - base_)
    fail("is damaged: a value of any length lies outside of it");
  std::array<std::uint8_t, kHeadBytes> head;
  read(base_ + address, head);
  if (std::memcmp(head.data(), "GCOL\1", 5) != 0) fail("is damaged: a value of any length has no heap");
  const std::uint64_t heap = little(std::span(head).subspan(8, 8));
  for (std::uint64_t at = kHeadBytes; at + kHeadBytes <= heap;) {
    read(base_ + address + at, head);
    const std::uint64_t number = little(std::span(head).first(2)),
                        bytes = little(std::span(head).subspan(8, 8));
    if (number == 0) break;  // free space, to the end
    if (bytes > heap - at) break;
    if (number == index) {
      if (length > bytes) break;
      std::vector<std::uint8_t> value(length);
      read(base_ + address + at + kHeadBytes, value);
      return value;
    }
    at += kHeadBytes + (bytes + 7) / 8 * 8;
  }
  fail("is damaged: a value of any length is not in its heap");
}

}  // namespace dagfusion
