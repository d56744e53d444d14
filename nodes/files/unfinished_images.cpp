#include "nodes/files/unfinished_images.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nodes/files/confined.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_bytes.h"

namespace dagfusion {
namespace {

// A piece of the list: its length and CRC32C, then its bytes.
struct Head {
  std::uint32_t bytes = 0, crc = 0;
};

std::uint32_t crc_of(std::string_view bytes) { return crc32c(std::as_bytes(std::span(bytes))); }

std::string piece(const std::string& bytes) {
  std::string made;
  put(made, Head{static_cast<std::uint32_t>(bytes.size()), crc_of(bytes)});
  return made + bytes;
}

// The piece at the front, which is taken away; nothing when it is not whole.
std::optional<std::string_view> take_piece(std::string_view& left) {
  Head head;
  if (left.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, left.data(), sizeof head);
  if (left.size() - sizeof head < head.bytes) return std::nullopt;
  const std::string_view bytes = left.substr(sizeof head, head.bytes);
  if (crc_of(bytes) != head.crc) return std::nullopt;
  left.remove_prefix(sizeof head + head.bytes);
  return bytes;
}

std::string in_bytes(const UnfinishedFrame& frame) {
  std::string bytes;
  put(bytes, frame.behind);
  put(bytes, frame.images.size());
  for (const UnfinishedImage& image : frame.images) {
    put(bytes, image.number);
    put(bytes, image.begin);
    put(bytes, image.facts);
    put(bytes, image.label);
    put_text(bytes, image.name);
  }
  return bytes;
}

UnfinishedFrame frame_of(std::string_view bytes) {
  TakenFrom from(bytes);
  UnfinishedFrame frame;
  frame.behind = from.value<std::int64_t>();
  for (auto left = from.value<std::size_t>(); left > 0; --left) {
    UnfinishedImage image;
    image.number = from.value<std::int64_t>();
    image.begin = from.value<std::uint64_t>();
    image.facts = from.value<PackedFacts>();
    image.label = from.value<std::int32_t>();
    image.name = from.text();
    frame.images.push_back(std::move(image));
  }
  return frame;
}

// What a process that was killed had written is there; what was lost with the machine is not.
bool lies_there(const UnfinishedImage& image, int part_file) {
  std::string bytes(image.facts.bytes, '\0');
  if (!read_at(part_file, image.begin, bytes.data(), bytes.size())) return false;
  return crc_of(bytes) == image.facts.packed_crc;
}

}  // namespace

void UnfinishedImages::start(const std::filesystem::path& part, const std::string& conditions) {
  close();
  path_ = beside(part);
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  write(piece(conditions));
}

std::vector<UnfinishedFrame> UnfinishedImages::take_up(const std::filesystem::path& part, int part_file,
                                                       const std::string& conditions, std::string& why) {
  close();
  ends_.clear();
  path_ = beside(part);
  if (!std::filesystem::exists(path_)) return {};
  const std::string all = read_text(path_);
  std::string_view left = all;
  const auto before = take_piece(left);
  if (!before || *before != conditions) {
    why = "it was begun with other files, options or versions";
    return {};
  }
  head_ = all.size() - left.size();
  std::vector<UnfinishedFrame> frames;
  while (const auto bytes = take_piece(left)) {
    UnfinishedFrame frame = frame_of(*bytes);
    for (const UnfinishedImage& image : frame.images)
      if (!lies_there(image, part_file)) return frames;
    frames.push_back(std::move(frame));
    ends_.push_back(all.size() - left.size());
  }
  return frames;
}

void UnfinishedImages::keep_first(std::span<const UnfinishedFrame> frames, int part_file) {
  clear_all_but(frames, part_file);
  file_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  const std::uint64_t end = frames.empty() ? head_ : ends_[frames.size() - 1];
  if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(end)) != 0 || ::lseek(file_, 0, SEEK_END) < 0)
    fail();
}

void UnfinishedImages::fail() const {
  throw std::runtime_error(fmt::format("'{}' cannot be written: {}", path_.string(), std::strerror(errno)));
}

void UnfinishedImages::clear_all_but(std::span<const UnfinishedFrame> frames, int part_file) const {
  std::map<std::uint64_t, std::uint64_t> kept;  // begin to end
  for (const UnfinishedFrame& frame : frames)
    for (const UnfinishedImage& image : frame.images) kept[image.begin] = image.begin + image.facts.bytes;
  std::uint64_t end = 0;
  for (const auto& [begin, its_end] : kept) {
    const std::string zeros(begin > end ? begin - end : 0, '\0');
    if (!write_at(part_file, end, zeros.data(), zeros.size())) fail();
    end = std::max(end, its_end);
  }
  if (::ftruncate(part_file, static_cast<off_t>(end)) != 0) fail();
}

void UnfinishedImages::add(const UnfinishedFrame& frame) { write(piece(in_bytes(frame))); }

void UnfinishedImages::write(const std::string& bytes) {
  std::string_view left = bytes;
  while (file_ < 0 || !left.empty()) {
    const ssize_t some = file_ < 0 ? -1 : ::write(file_, left.data(), left.size());
    if (some < 0 && file_ >= 0 && errno == EINTR) continue;
    if (some < 0) fail();
    left.remove_prefix(static_cast<std::size_t>(some));
  }
}

void UnfinishedImages::close() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  path_.clear();
}

void UnfinishedImages::remove() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
  close();
}

}  // namespace dagfusion
