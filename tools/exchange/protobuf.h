// Messages as Protocol Buffers write them: a field is its number, its kind, and its value, one behind the other.
// Format: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace dagfusion {

class ProtobufMessage {
 public:
  ProtobufMessage& integer(int field, std::int64_t value) {
    number(static_cast<std::uint64_t>(field) << 3);
    number(static_cast<std::uint64_t>(value));
    return *this;
  }
  ProtobufMessage& real(int field, float value) {
    number(static_cast<std::uint64_t>(field) << 3 | kFourBytes);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(bits >> (8 * i));
    return *this;
  }
  ProtobufMessage& text(int field, std::string_view value) {
    number(static_cast<std::uint64_t>(field) << 3 | kCounted);
    number(value.size());
    bytes_ += value;
    return *this;
  }
  ProtobufMessage& message(int field, const ProtobufMessage& value) { return text(field, value.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  static constexpr std::uint64_t kCounted = 2, kFourBytes = 5;

  void number(std::uint64_t value) {  // seven bits a byte, the lowest first
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

}  // namespace dagfusion
