// Event files as TensorBoard reads them, written by hand: a few fields of two messages are all that is needed of protobuf.
//
//   record   u64 length | u32 masked CRC32C of it | the event | u32 masked CRC32C of the event      (little-endian)
//   masked   ((crc >> 15) | (crc << 17)) + 0xa282ead8
//   Event    1 wall_time double | 2 step int64 | 3 file_version string | 5 summary | 7 session_log
//   Summary  1 value, repeated: 1 tag | 2 simple_value float | 4 image | 5 histogram
//
// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, tensorflow/core/lib/io/record_writer.cc)
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

struct EventAt {
  double wall_time = 0;  // seconds since 1970
  std::int64_t step = 0;
};

struct Scalar {
  std::string tag;
  float value = 0;
};

// Messages as bytes.
std::string version_event(double wall_time);
std::string restart_event(EventAt);  // what was written before for this step and later ones does not count
std::string scalars_event(EventAt, const std::vector<Scalar>&);
std::string picture_event(EventAt, std::string_view tag, std::string_view png);  // "" when it is no PNG file
// In TensorFlow's buckets, whose limits are 10 % apart. What is not finite is left out.
std::string histogram_event(EventAt, std::string_view tag, std::span<const float> values);

std::string record_of(std::string_view event);

// A new file below `folder`, which is made. Throws std::runtime_error.
class EventFile {
 public:
  // from_step > 0: the run goes on behind it.
  EventFile(const std::filesystem::path& folder, std::int64_t from_step);
  void write(std::string_view event);  // nothing for ""
  void flush();

  static double now();

 private:
  [[noreturn]] void fail() const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace dagfusion
