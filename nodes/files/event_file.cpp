#include "nodes/files/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "nodes/files/crc32c.h"

namespace dagfusion {

namespace {

// Protobuf's wire format.
enum Wire : std::uint8_t { kVarint = 0, kEightBytes = 1, kText = 2, kFourBytes = 5 };

void add_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

template <class T>
void add_bytes(std::string& to, T value) {
  static_assert(std::endian::native == std::endian::little);
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void add_key(std::string& to, int field, Wire wire) {
  add_varint(to, static_cast<std::uint64_t>(field) << 3 | wire);
}

void add_field(std::string& to, int field, double value) {
  add_key(to, field, kEightBytes);
  add_bytes(to, value);
}
void add_field(std::string& to, int field, float value) {
  add_key(to, field, kFourBytes);
  add_bytes(to, value);
}
void add_field(std::string& to, int field, std::int64_t value) {
  add_key(to, field, kVarint);
  add_varint(to, static_cast<std::uint64_t>(value));
}
void add_field(std::string& to, int field, std::string_view text) {
  add_key(to, field, kText);
  add_varint(to, text.size());
  to += text;
}
void add_field(std::string& to, int field, const std::vector<double>& packed) {
  add_key(to, field, kText);
  add_varint(to, packed.size() * sizeof(double));
  for (const double value : packed) add_bytes(to, value);
}

std::string event_at(EventAt at) {
  std::string event;
  add_field(event, 1, at.wall_time);
  add_field(event, 2, at.step);
  return event;
}

std::string with_summary(EventAt at, std::string_view summary) {
  std::string event = event_at(at);
  add_field(event, 5, summary);
  return event;
}

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(bytes)));
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

// Upper ends of the buckets: 1e-12 and on by 10 % up to 1e20, the same below zero, and what lies beyond.
const std::vector<double>& bucket_limits() {
  static const std::vector<double> limits = [] {
    constexpr double kLeast = 1e-12, kMost = 1e20, kGrowth = 1.1;
    std::vector<double> positive;
    for (double limit = kLeast; limit < kMost; limit *= kGrowth) positive.push_back(limit);
    positive.push_back(std::numeric_limits<double>::max());
    std::vector<double> all;
    for (std::size_t i = positive.size(); i-- > 0;) all.push_back(-positive[i]);
    all.push_back(0);
    all.insert(all.end(), positive.begin(), positive.end());
    return all;
  }();
  return limits;
}

}  // namespace

std::string version_event(double wall_time) {
  std::string event;
  add_field(event, 1, wall_time);
  add_field(event, 3, std::string_view("brain.Event:2"));
  return event;
}

std::string restart_event(EventAt at) {
  constexpr std::int64_t kStart = 1;
  std::string log;
  add_field(log, 1, kStart);
  std::string event = event_at(at);
  add_field(event, 7, std::string_view(log));
  return event;
}

std::string scalars_event(EventAt at, const std::vector<Scalar>& scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    add_field(value, 1, std::string_view(scalar.tag));
    add_field(value, 2, scalar.value);
    add_field(summary, 1, std::string_view(value));
  }
  return with_summary(at, summary);
}

std::string picture_event(EventAt at, std::string_view tag, std::string_view png) {
  constexpr std::string_view kBegin("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
  constexpr std::size_t kColourType = 25;
  if (!png.starts_with(kBegin) || png.size() <= kColourType) return "";
  const auto side = [&](std::size_t place) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(png[place + i]);
    return value;
  };
  const auto colour_type = static_cast<unsigned char>(png[kColourType]);
  const std::int64_t channels = colour_type == 0 ? 1 : colour_type == 4 ? 2 : colour_type == 6 ? 4 : 3;
  std::string image, value, summary;
  add_field(image, 1, side(20));
  add_field(image, 2, side(16));
  add_field(image, 3, channels);
  add_field(image, 4, png);
  add_field(value, 1, tag);
  add_field(value, 4, std::string_view(image));
  add_field(summary, 1, std::string_view(value));
  return with_summary(at, summary);
}

std::string histogram_event(EventAt at, std::string_view tag, std::span<const float> values) {
  const std::vector<double>& limits = bucket_limits();
  std::vector<double> counts(limits.size());
  double least = std::numeric_limits<double>::max(), most = -least, count = 0, sum = 0, squares = 0;
  for (const float each : values) {
    const auto value = static_cast<double>(each);
    if (!std::isfinite(value)) continue;
    ++counts[static_cast<std::size_t>(std::upper_bound(limits.begin(), limits.end() - 1, value) -
                                      limits.begin())];
    least = std::min(least, value), most = std::max(most, value);
    ++count, sum += value, squares += value * value;
  }
  if (count == 0) least = most = 0;
  std::vector<double> kept_limits,
      kept;  // of buckets that lie empty beside each other the last one says enough
  for (std::size_t b = 0; b < counts.size(); ++b)
    if (counts[b] > 0 || (b + 1 < counts.size() && counts[b + 1] > 0) || (b > 0 && counts[b - 1] > 0)) {
      kept_limits.push_back(limits[b]);
      kept.push_back(counts[b]);
    }
  std::string histogram, value, summary;
  int field = 0;
  for (const double number : {least, most, count, sum, squares}) add_field(histogram, ++field, number);
  add_field(histogram, 6, kept_limits);
  add_field(histogram, 7, kept);
  add_field(value, 1, tag);
  add_field(value, 5, std::string_view(histogram));
  add_field(summary, 1, std::string_view(value));
  return with_summary(at, summary);
}

std::string record_of(std::string_view event) {
  std::string record;
  add_bytes(record, static_cast<std::uint64_t>(event.size()));
  add_bytes(record, masked_crc(record));
  record += event;
  add_bytes(record, masked_crc(event));
  return record;
}

double EventFile::now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t from_step) {
  static std::atomic<int> made = 0;  // two files of one second in one process
  std::filesystem::create_directories(folder);
  char host[64] = {};
  if (gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "localhost");
  const double time = now();
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{}.{}.{}", static_cast<std::int64_t>(time), host,
                               getpid(), made++);
  file_.reset(std::fopen(path_.c_str(), "wbex"));
  if (!file_) fail();
  write(version_event(time));
  if (from_step > 0) write(restart_event({time, from_step + 1}));
  flush();
}

void EventFile::write(std::string_view event) {
  if (event.empty()) return;
  const std::string record = record_of(event);
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size()) fail();
}

void EventFile::flush() {
  if (std::fflush(file_.get()) != 0) fail();
}

void EventFile::fail() const {
  throw std::runtime_error(fmt::format("cannot write '{}': {}", path_.string(), std::strerror(errno)));
}

}  // namespace dagfusion
