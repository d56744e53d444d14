// What libhdf5 says of a file: the only questions it is asked. It answers them in a process of its own (confined.h), and
// never touches a value of a dataset; those are read where it says they lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/values/tensor.h"
#include "nodes/files/hdf5_filters.h"
#include "nodes/files/number_format.h"

namespace dagfusion {

// What the values of a dataset are.
struct Hdf5Type {
  enum class Kind { number, text, texts_of_any_length, bytes_of_any_length, other };
  Kind kind = Kind::other;
  std::size_t bytes = 0;  // of one value as it lies in the dataset
  NumberFormat number;
  std::string name;  // for messages: "uint8", "a compound"
};

struct Hdf5Entry {
  std::string name;  // "/train/images"
  Hdf5Type type;
  Shape shape;
};

struct Hdf5Facts {
  std::uint64_t user_block = 0;  // bytes in front, from whose end the file's own addresses count
  bool long_addresses = true;    // of 8 bytes
};

struct Hdf5Dataset {
  enum class Storage { contiguous, compact, chunked };
  Hdf5Type type;
  Shape shape;
  Storage storage = Storage::contiguous;
  std::optional<std::uint64_t>
      begin;  // of contiguous data, from the start of the file; nothing: never written
  std::vector<std::uint8_t> compact;  // the values, where they are few
  Shape chunk;                        // sides; empty: the library does not say
  std::vector<Hdf5Filter> filters;
  std::string unknown_filter;  // "307 (bzip2)"; empty: there is none
};

// Of one chunk.
struct Hdf5Chunk {
  static constexpr std::uint64_t kNeverWritten = ~std::uint64_t{0}, kLost = kNeverWritten - 1;
  std::uint64_t begin =
      kNeverWritten;  // from the start of the file; kLost: its place in the index is damaged
  std::uint32_t bytes = 0;
  std::uint32_t skipped = 0;  // filters that were left out for this chunk, a bit for each
};

// All throw std::runtime_error with what is wrong, without the file's name. `file`: its descriptor.
Hdf5Facts hdf5_facts(int file);
std::vector<Hdf5Entry> hdf5_datasets(int file);  // all that hard links lead to, in the order of their names
std::optional<Hdf5Dataset> hdf5_dataset(int file, const std::string& name);  // nothing when there is none
// One for each place of the grid of chunks, the last side the fastest. `shape`, `chunk`: as hdf5_dataset() gave them.
std::vector<Hdf5Chunk> hdf5_chunks(int file, const std::string& name, const Shape& shape, const Shape& chunk);
std::optional<std::int64_t> hdf5_whole_number(int file, const std::string& attribute);  // of the root group
// A few float64; empty when there is none.
std::vector<double> hdf5_reals(int file, const std::string& dataset, const std::string& attribute);

}  // namespace dagfusion
