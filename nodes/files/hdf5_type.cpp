#include "nodes/files/hdf5_type.h"

#include <fmt/format.h>

#include "nodes/files/hdf5.h"

namespace dagfusion {
namespace {

// In place of a value of any length: its length, its heap, its number there.
constexpr std::size_t kReferenceBytes = 16;

std::string kind_in_words(H5T_class_t kind) {
  switch (kind) {
    case H5T_COMPOUND:
      return "a compound";
    case H5T_ENUM:
      return "an enumeration";
    case H5T_REFERENCE:
      return "a reference";
    case H5T_OPAQUE:
      return "opaque bytes";
    case H5T_ARRAY:
      return "an array in each place";
    case H5T_BITFIELD:
      return "a bit field";
    case H5T_TIME:
      return "a time";
    default:
      return "of an unknown type";
  }
}

// Only numbers whose bits fill their bytes as processors have them.
std::optional<NumberFormat> number_of(hid_t type, H5T_class_t kind) {
  const std::size_t bytes = H5Tget_size(type);
  NumberFormat format{.bytes = bytes, .big_endian = bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE};
  if (H5Tget_precision(type) != bytes * 8 || H5Tget_offset(type) != 0) return std::nullopt;
  if (bytes > 1 && H5Tget_order(type) != H5T_ORDER_BE && H5Tget_order(type) != H5T_ORDER_LE)
    return std::nullopt;
  const bool width = bytes == 2 || bytes == 4 || bytes == 8;
  if (kind == H5T_FLOAT) {
    std::size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (!width || H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0)
      return std::nullopt;
    if (exponent_bits != (bytes == 2 ? 5U : bytes == 4 ? 8U : 11U)) return std::nullopt;  // bfloat16 has 8
    format.kind = NumberFormat::Kind::real;
    return format;
  }
  if (!width && bytes != 1) return std::nullopt;
  format.kind =
      H5Tget_sign(type) == H5T_SGN_NONE ? NumberFormat::Kind::unsigned_integer : NumberFormat::Kind::integer;
  return format;
}

}  // namespace

Hdf5Type hdf5_type_of(hid_t type) {
  Hdf5Type made;
  const H5T_class_t kind = H5Tget_class(type);
  made.bytes = H5Tget_size(type);
  made.name = kind_in_words(kind);
  if (kind == H5T_ENUM) {  // h5py's truth values, numbers with names
    const Hdf5Id numbers(H5Tget_super(type), H5Tclose);
    if (const auto number = numbers ? number_of(numbers, H5T_INTEGER) : std::nullopt) {
      made.kind = Hdf5Type::Kind::number;
      made.number = *number;
      made.name = fmt::format("an enumeration of {}", name_of(*number));
    }
  }
  if (kind == H5T_INTEGER || kind == H5T_FLOAT) {
    made.name = fmt::format("numbers of {} bytes", made.bytes);
    if (const auto number = number_of(type, kind)) {
      made.kind = Hdf5Type::Kind::number;
      made.number = *number;
      made.name = name_of(*number);
    }
  } else if (kind == H5T_STRING) {
    const bool any_length = H5Tis_variable_str(type) > 0;
    made.kind = any_length ? Hdf5Type::Kind::texts_of_any_length : Hdf5Type::Kind::text;
    if (any_length) made.bytes = kReferenceBytes;
    made.name = any_length ? "texts" : fmt::format("texts of {} bytes", made.bytes);
  } else if (kind == H5T_VLEN) {
    const Hdf5Id item(H5Tget_super(type), H5Tclose);
    made.name = "lists of any length";
    if (item && H5Tget_class(item) == H5T_INTEGER && H5Tget_size(item) == 1) {
      made.kind = Hdf5Type::Kind::bytes_of_any_length;
      made.bytes = kReferenceBytes;
      made.name = "bytes of any length";
    }
  }
  return made;
}

}  // namespace dagfusion
